import { hash } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import { madeOnce } from '../../madeOnce.ts'
import type { Item, PageRequest, Tables } from '../../ports.ts'
import { requireFormat } from '../../requireFormat.ts'
import { eachItem } from '../rows/pages.ts'
import { identitySk, type IdentityRow, type LogEntry, type MembershipRow } from './identityRows.ts'
import { coveredText, headSeq, kindAt, statementSk, verifyIdentity, type VerifyPorts } from './verifyIdentity.ts'

/**
 * A tenancy's identity as one whole. Every log entry signs a digest of all rows as they stand behind it, so that a row which
 * was valid once, put back today, is found; and the HSM keeps the number of the last entry, so that all rows put back
 * together are found too.
 */
export interface TenancyState {
  /** The entry that made it; 0: no tenancy. */
  readonly seq: number
  readonly rows: ReadonlyMap<string, IdentityRow & Item>
  /** The digest of each row, by sort key. */
  readonly leaves: ReadonlyMap<string, string>
}

const nothing: TenancyState = { seq: 0, rows: new Map(), leaves: new Map() }

/** Verified once; then only what the log adds is read. One process has one object of tables for a region. */
const states = new WeakMap<object, Map<string, TenancyState>>()

/** Further behind than this, all rows are read again. */
const maxEntriesToFollow = 50
const rounds = 5

/** @throws KmsError integrityFailure where the rows are not those that the home region signed last. */
export async function tenancyState(ports: VerifyPorts, tenancyId: string): Promise<TenancyState> {
  for (let round = 0; round < rounds; round += 1) {
    const known = states.get(ports.tables)?.get(tenancyId) ?? nothing
    const seq = await headSeq(ports, tenancyId)
    requireNotBehind(ports, tenancyId, seq, known.seq)
    if (seq === known.seq) return known
    const isNear = known.seq > 0 && seq - known.seq <= maxEntriesToFollow
    const state = isNear ? await followed(ports, tenancyId, known, seq) : await loaded(ports, tenancyId, seq)
    if (state === undefined) continue
    keepState(ports, tenancyId, state)
    return state
  }
  throw new KmsError('incorrectState', 'Identity is being changed by other requests; try again.')
}

/** Also what was appended just now: the rows need not be read for it. */
export function keepState({ tables, hsm }: VerifyPorts, tenancyId: string, state: TenancyState): void {
  hsm.advanceIdentityHead(tenancyId, state.seq)
  const ofTables = states.get(tables) ?? new Map<string, TenancyState>()
  states.set(tables, ofTables)
  if ((ofTables.get(tenancyId)?.seq ?? 0) < state.seq) ofTables.set(tenancyId, state)
}

/** The state behind an entry. */
export function stateAfter(
  before: TenancyState,
  { seq, puts, deletes }: Pick<LogEntry, 'seq' | 'deletes'> & { readonly puts: readonly Item[] },
): TenancyState {
  const [rows, leaves] = [new Map(before.rows), new Map(before.leaves)]
  for (const sk of deletes) {
    rows.delete(sk)
    leaves.delete(sk)
  }
  for (const row of puts) {
    rows.set(row.sk, row as unknown as IdentityRow & Item)
    leaves.set(row.sk, hash('sha256', coveredText(row), 'base64'))
  }
  return { seq, rows, leaves }
}

const kinds = new WeakMap<TenancyState, ReadonlyMap<string, readonly IdentityRow[]>>()

/** All of a state are looked through once, whichever kinds are asked for. */
export function rowsOf<R extends IdentityRow>(state: TenancyState, kind: R['kind']): readonly R[] {
  const byKind = madeOnce(kinds, state, () => Map.groupBy<string, IdentityRow>(state.rows.values(), (row) => row.kind))
  return (byKind.get(kind) ?? []) as unknown as readonly R[]
}

const groupsByUser = new WeakMap<TenancyState, ReadonlyMap<string, readonly MembershipRow[]>>()

export function membershipsOf(state: TenancyState, userId: string): readonly MembershipRow[] {
  const byUser = madeOnce(groupsByUser, state, () =>
    Map.groupBy(rowsOf<MembershipRow>(state, 'membership'), (row) => row.userId),
  )
  return byUser.get(userId) ?? []
}

/** Base64 of a SHA-256 over sort key and digest of every row, in the order of sort keys. */
export function digestOf({ leaves }: Pick<TenancyState, 'leaves'>): string {
  const lines = [...leaves.keys()].sort().map((sk) => [sk, leaves.get(sk)])
  return hash('sha256', JSON.stringify(lines), 'base64')
}

function requireNotBehind({ hsm }: VerifyPorts, tenancyId: string, seq: number, known: number): void {
  const seen = Math.max(known, hsm.identityHead(tenancyId))
  if (seq >= seen) return
  throw new KmsError(
    'integrityFailure',
    `The identity of ${tenancyId} was set back to entry ${seq}; entry ${seen} was here before.`,
  )
}

async function followed(
  ports: VerifyPorts,
  tenancyId: string,
  known: TenancyState,
  seq: number,
): Promise<TenancyState> {
  let state = known
  let digest: string | undefined
  for (let next = known.seq + 1; next <= seq; next += 1) {
    const entry = await entryAt(ports, tenancyId, next)
    state = stateAfter(state, entry)
    digest = entry.stateDigest
  }
  if (digest !== undefined && digest !== digestOf(state)) throw altered(tenancyId, seq)
  return state
}

/** Undefined where an entry came in between: the rows were read one after another. */
async function loaded(ports: VerifyPorts, tenancyId: string, seq: number): Promise<TenancyState | undefined> {
  const entry = await entryAt(ports, tenancyId, seq)
  const puts = await storedRows(ports.tables, tenancyId)
  for (const row of puts) requireFormat(`The identity row ${row.sk}`, row, 'vaultspan/identity-row/1')
  const state = stateAfter(nothing, { seq, puts, deletes: [] })
  // Entries of versions before 0.2 sign no digest: then each row stands by its own signature.
  if (entry.stateDigest === undefined) await verifyEach(ports, tenancyId, puts)
  else if (entry.stateDigest !== digestOf(state)) {
    if ((await headSeq(ports, tenancyId)) !== seq) return undefined
    throw altered(tenancyId, seq)
  }
  return state
}

async function entryAt(ports: VerifyPorts, tenancyId: string, seq: number): Promise<LogEntry> {
  const sk = identitySk.log(seq)
  const stored = await ports.tables.get('Identity', tenancyId, sk)
  if (stored === undefined) throw new KmsError('integrityFailure', `The identity entry ${seq} is missing.`)
  return verifyIdentity<LogEntry>(ports, { pk: tenancyId, sk, kind: 'entry' }, stored)
}

async function verifyEach(ports: VerifyPorts, tenancyId: string, rows: readonly Item[]): Promise<void> {
  await Promise.all(
    rows.map(async (row) => {
      const kind = kindAt(row.sk)
      if (kind !== undefined) await verifyIdentity(ports, { pk: tenancyId, sk: row.sk, kind }, row)
    }),
  )
}

/** All but the log, its head and the statement; kinds that only a newer version knows are covered by the digest too. */
async function storedRows(tables: Pick<Tables, 'query'>, tenancyId: string): Promise<readonly Item[]> {
  const rows: Item[] = []
  const read = (request: PageRequest) => tables.query('Identity', tenancyId, '', request)
  for await (const item of eachItem(read, { limit: 100 })) {
    if (item.sk >= identitySk.head) break
    rows.push(item)
  }
  // The log is the longest part: it is not read. `:` follows every digit.
  for await (const item of eachItem(read, { limit: 1000, after: `${identitySk.log(0).slice(0, 4)}:` }))
    if (item.sk !== statementSk) rows.push(item)
  return rows
}

function altered(tenancyId: string, seq: number): KmsError {
  return new KmsError('integrityFailure', `The identity of ${tenancyId} is not what entry ${seq} left behind.`)
}
