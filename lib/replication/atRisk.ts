import type { Order } from '../kms/rows/epoch.ts'
import type { Item, Page, Tables } from '../ports.ts'
import type { Vault } from '../kms/vaults/vaultCache.ts'
import { coveredOrder } from './messages/receipts.ts'

/** A change that was answered without being in its replica's inbox: the loss of this region would take it along. */
export interface AtRiskRow extends Item {
  readonly vaultId: string
  readonly epoch: string
  readonly revision: number
  /** Unix milliseconds. */
  readonly since: number
}

export function atRiskPk(peer: string): string {
  return `atRisk#${peer}`
}

export async function listAtRisk(tables: Pick<Tables, 'query'>, peer: string, limit: number): Promise<Page> {
  return tables.query('Replication', atRiskPk(peer), '', { limit })
}

export async function markAtRisk(
  tables: Tables,
  vault: Vault,
  peer: string,
  resource: Order & { readonly id: string },
  now: number,
): Promise<void> {
  const { epoch, revision, id } = resource
  const row: AtRiskRow = { pk: atRiskPk(peer), sk: id, vaultId: vault.row.id, epoch, revision, since: now }
  // An older mark stays where a newer one stands already.
  await tables.write([{ op: 'put', table: 'Replication', item: row, condition: { kind: 'newer', epoch, revision } }])
  // The receipt may have come in between, and no other will take the mark away.
  const covered = await coveredOrder(tables, vault, id)
  if (covered !== null) await clearAtRisk(tables, peer, id, covered)
}

/** Takes the mark away once the peer has what was at risk. */
export async function clearAtRisk(
  tables: Pick<Tables, 'get' | 'write'>,
  peer: string,
  id: string,
  covered: Order,
): Promise<void> {
  const row = (await tables.get('Replication', atRiskPk(peer), id)) as AtRiskRow | undefined
  if (
    row === undefined ||
    row.epoch > covered.epoch ||
    (row.epoch === covered.epoch && row.revision > covered.revision)
  )
    return
  await tables.write([
    {
      op: 'delete',
      table: 'Replication',
      pk: row.pk,
      sk: row.sk,
      condition: { kind: 'revision', revision: row.revision },
    },
  ])
}
