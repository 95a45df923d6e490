import type { Hsm } from '../../hsm/hsm.ts'
import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { identitySk, type IdentityRow, type LogEntry, type NewIdentityRow } from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import type { Item, Tables, Write } from '../../ports.ts'
import { requireFormat } from '../../requireFormat.ts'

export interface IdentityChange {
  /** The head that was read before whatever the change was judged by; an entry since then makes the append fail. */
  readonly after: number
  readonly puts: readonly NewIdentityRow[]
  readonly deletes?: readonly string[]
  /** Sort keys that must be absent, e.g. a name that must be unique. */
  readonly absent?: readonly string[]
}

type LogPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'region' | 'homeRegion'>

/** The number of the last entry; 0 where there is none. */
export async function headSeq(
  { tables }: { readonly tables: Pick<Tables, 'get'> },
  tenancyId: string,
): Promise<number> {
  const seq = (await tables.get('Identity', tenancyId, identitySk.head))?.['seq']
  return typeof seq === 'number' ? seq : 0
}

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
  const seq = change.after + 1
  const puts = await Promise.all(
    change.puts.map((row) => signRow(ports.hsm, { ...row, pk: tenancyId, format: 'vaultspan/identity-row/1', seq })),
  )
  const entry = await signRow(ports.hsm, {
    pk: tenancyId,
    sk: identitySk.log(seq),
    format: 'vaultspan/identity-entry/1',
    seq,
    puts: puts,
    deletes: change.deletes ?? [],
  })
  const outcome = await ports.tables.write([
    ...entryWrites(entry as unknown as LogEntry, seq - 1, change.absent),
    ...also,
  ])
  return outcome.ok
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

function coveredText(row: JsonObject): string {
  return canonicalJson(
    Object.fromEntries(Object.entries(row).filter(([name]) => name !== 'signature' && name !== 'writeId')),
  )
}

/** Where the home region's statement lies: every region needs it to check what the home region signed. */
export const statementSk = 'statement'

/** What a reader looked for: a signed row that lies elsewhere, or of another kind, is not it. */
export interface IdentityPlace {
  readonly pk: string
  readonly sk: string
  readonly kind: IdentityRow['kind'] | 'entry'
}

/** The kind of what lies under a sort key; undefined where no identity does. */
export function kindAt(sk: string): IdentityPlace['kind'] | undefined {
  const [prefix = ''] = sk.split('#', 1)
  return kinds.get(prefix)
}

/**
 * A row or an entry, found where the reader looked for it.
 * @throws KmsError integrityFailure where the home region did not sign it for that very place.
 */
export async function verifyIdentity<R extends IdentityRow | LogEntry>(
  { hsm, tables, homeRegion }: LogPorts,
  { pk: tenancyId, sk, kind }: IdentityPlace,
  stored: Item,
): Promise<R> {
  const statement = hsm.region === homeRegion ? hsm.statement(tenancyId) : await homeStatement(tables, tenancyId)
  const signature = typeof stored['signature'] === 'string' ? stored['signature'] : ''
  const isHome = statement?.region === homeRegion && statement.tenancyId === tenancyId
  // The keys are signed with the row: one that was copied to another place still names its own.
  const isInPlace = stored.pk === tenancyId && stored.sk === sk && kindAt(sk) === kind
  if (
    !isHome ||
    !isInPlace ||
    !(await hsm.isSignedBy(statement, Buffer.from(coveredText(stored)), Buffer.from(signature, 'base64')))
  ) {
    throw new KmsError('integrityFailure', `The identity row ${sk} is not signed by the home region.`)
  }
  requireFormat(`The identity row ${sk}`, stored, `vaultspan/identity-${kind === 'entry' ? 'entry' : 'row'}/1`)
  if (kind !== 'entry' && stored['kind'] !== kind) {
    throw new KmsError('integrityFailure', `The identity row ${sk} is no ${kind}.`)
  }
  // INVARIANT: the home region signs only rows and entries of these types.
  return stored as unknown as R
}

const kinds: ReadonlyMap<string, IdentityPlace['kind']> = new Map([
  ['compartment', 'compartment'],
  ['compartmentName', 'compartmentName'],
  ['policy', 'policy'],
  ['policyName', 'policyName'],
  ['user', 'user'],
  ['group', 'group'],
  ['membership', 'membership'],
  ['apiKey', 'apiKey'],
  ['log', 'entry'],
])

/** One row of the tenancy, verified; undefined where there is none. */
export async function identityRow<R extends IdentityRow>(
  ports: LogPorts,
  tenancyId: string,
  kind: R['kind'],
  sk: string,
): Promise<R | undefined> {
  const stored = await ports.tables.get('Identity', tenancyId, sk)
  return stored === undefined ? undefined : verifyIdentity<R>(ports, { pk: tenancyId, sk, kind }, stored)
}

async function homeStatement(tables: Pick<Tables, 'get'>, tenancyId: string) {
  const row = await tables.get('Identity', tenancyId, statementSk)
  return row?.['statement'] as ReturnType<Hsm['statement']> | undefined
}
