import type { Hsm } from '../../hsm/hsm.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { identitySk, type IdentityRow, type LogEntry, type NewIdentityRow } from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import type { Item, Write } from '../../ports.ts'
import { digestOf, keepState, stateAfter, tenancyState } from './tenancyState.ts'
import { coveredText } from './verifyIdentity.ts'

export interface IdentityChange {
  /** The head that was read before whatever the change was judged by; an entry since then makes the append fail. */
  readonly after: number
  readonly puts: readonly NewIdentityRow[]
  readonly deletes?: readonly string[]
  /** Sort keys that must be absent, e.g. a name that must be unique. */
  readonly absent?: readonly string[]
}

type LogPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>

/** @throws KmsError notInHomeRegion anywhere else. */
export function requireHomeRegion({ region, homeRegion }: Pick<LogPorts, 'region' | 'homeRegion'>): void {
  if (region !== homeRegion) {
    throw new KmsError('notInHomeRegion', `Send this request to the home region, ${homeRegion}.`)
  }
}

/**
 * Appends one entry and brings its rows up to date, in one transaction.
 * @returns false where another entry was faster or a name is taken: the caller reads again and decides.
 * @throws KmsError notInHomeRegion anywhere else.
 */
export async function appendIdentity(
  ports: LogPorts,
  tenancyId: string,
  change: IdentityChange,
  also: readonly Write[] = [],
): Promise<boolean> {
  requireHomeRegion(ports)
  const before = await tenancyState(ports, tenancyId)
  if (before.seq !== change.after) return false
  const seq = change.after + 1
  const puts = await Promise.all(
    change.puts.map((row) => signRow(ports.hsm, { ...row, pk: tenancyId, format: 'vaultspan/identity-row/1', seq })),
  )
  const deletes = change.deletes ?? []
  const state = stateAfter(before, { seq, puts, deletes })
  const entry = await signRow(ports.hsm, {
    pk: tenancyId,
    sk: identitySk.log(seq),
    format: 'vaultspan/identity-entry/1',
    seq,
    puts,
    deletes,
    stateDigest: digestOf(state),
  })
  const outcome = await ports.tables.write([
    ...entryWrites(entry as unknown as LogEntry, seq - 1, change.absent),
    { op: 'put', table: 'Replication', item: { ...unsentKey(tenancyId), revision: seq } },
    ...also,
  ])
  if (outcome.ok) keepState(ports, tenancyId, state)
  return outcome.ok
}

/** One row of the tenancy, verified; undefined where there is none. */
export async function identityRow<R extends IdentityRow>(
  ports: Omit<LogPorts, 'region'>,
  tenancyId: string,
  kind: R['kind'],
  sk: string,
): Promise<R | undefined> {
  const row = (await tenancyState(ports, tenancyId)).rows.get(sk)
  return row?.kind === kind ? (row as unknown as R) : undefined
}

/**
 * Says that a tenancy has entries that not every region is known to have, by the last of them. Reconciliation walks these
 * rows, so that an entry arrives though its change on the stream was lost.
 */
export const unsentPk = 'identityUnsent'

function unsentKey(tenancyId: string): { pk: string; sk: string } {
  return { pk: unsentPk, sk: tenancyId }
}

/** The writes that apply an entry to a table whose head is at `previous`. */
export function entryWrites(entry: LogEntry, previous: number, absent: readonly string[] = []): readonly Write[] {
  const { pk, seq } = entry
  const head: Write = {
    op: 'put',
    table: 'Identity',
    item: { pk, sk: identitySk.head, seq },
    condition: previous === 0 ? { kind: 'absent' } : { kind: 'fields', fields: { seq: previous } },
  }
  return [
    head,
    { op: 'put', table: 'Identity', item: entry, condition: { kind: 'absent' } },
    ...entry.puts.map((row): Write => {
      const isNew = absent.includes(row.sk)
      return { op: 'put', table: 'Identity', item: row, ...(isNew ? { condition: { kind: 'absent' } } : {}) }
    }),
    ...entry.deletes.map((sk): Write => ({ op: 'delete', table: 'Identity', pk, sk })),
  ]
}

async function signRow(hsm: Hsm, row: JsonObject & { pk: string; sk: string }): Promise<Item> {
  const signature = await hsm.sign(Buffer.from(coveredText(row)))
  return { ...row, signature: signature.toString('base64') }
}
