import { vaultSk } from '../kms/rows/rows.ts'
import type { Tables } from '../ports.ts'
import { parseJson } from '../parseJson.ts'

/** How work that waits names what it is about: whichever of these members it has. */
interface NamedWork {
  readonly tenancyId?: unknown
  readonly vaultId?: unknown
  /** Of a change, by its row. */
  readonly table?: unknown
  readonly pk?: unknown
  readonly sk?: unknown
  readonly changed?: NamedWork
  readonly version?: NamedWork
  /** A message that is to be sent on, as text. */
  readonly envelope?: unknown
}

/**
 * The tenancy whose work it is; undefined where nobody can tell. Unverified, as all that waits is: it decides whose call
 * has it worked again, and whoever works it verifies the rows.
 */
export async function tenancyOfWork(tables: Pick<Tables, 'get'>, work: unknown): Promise<string | undefined> {
  if (typeof work !== 'object' || work === null) return undefined
  const { tenancyId, vaultId, table, pk, sk, changed, version, envelope } = work as NamedWork
  if (typeof tenancyId === 'string') return tenancyId
  if (typeof vaultId === 'string') return ofVault(tables, vaultId)
  if (typeof envelope === 'string') return tenancyOfWork(tables, parsed(envelope))
  if (typeof pk !== 'string' || typeof sk !== 'string') return tenancyOfWork(tables, changed ?? version)
  if (table === 'Vaults') return ofVault(tables, pk)
  if (table === 'Identity') return pk
  if (table !== 'Keys') return undefined
  const row = await tables.get('Keys', pk, sk)
  return typeof row?.['vaultId'] === 'string' ? ofVault(tables, row['vaultId']) : undefined
}

/** As tenancyOfWork, of a message's text. */
export function tenancyOfMessage(tables: Pick<Tables, 'get'>, text: string): Promise<string | undefined> {
  return tenancyOfWork(tables, parsed(text))
}

async function ofVault(tables: Pick<Tables, 'get'>, vaultId: string): Promise<string | undefined> {
  const row = await tables.get('Vaults', vaultId, vaultSk)
  return typeof row?.['tenancyId'] === 'string' ? row['tenancyId'] : undefined
}

function parsed(text: string): unknown {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}
