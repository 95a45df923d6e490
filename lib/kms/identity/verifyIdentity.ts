import type { Hsm } from '../../hsm/hsm.ts'
import { canonicalObject, type JsonObject } from '../../canonicalJson.ts'
import { KmsError } from '../../errors.ts'
import { identitySk, type IdentityRow, type LogEntry } from './identityRows.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import type { Item, Tables } from '../../ports.ts'
import { requireFormat } from '../../requireFormat.ts'

export type VerifyPorts = Pick<KmsPorts, 'tables' | 'hsm' | 'homeRegion'>

/** The number of the last entry; 0 where there is none. */
export async function headSeq(
  { tables }: { readonly tables: Pick<Tables, 'get'> },
  tenancyId: string,
): Promise<number> {
  const seq = (await tables.get('Identity', tenancyId, identitySk.head))?.['seq']
  return typeof seq === 'number' ? seq : 0
}

/** What is signed of a row or an entry, and what a digest covers of it. */
export function coveredText(row: JsonObject): string {
  return canonicalObject(row, uncovered)
}

const uncovered: ReadonlySet<string> = new Set(['signature', 'writeId'])

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
  { hsm, tables, homeRegion }: VerifyPorts,
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
  ['dynamicGroup', 'dynamicGroup'],
  ['trustedIssuer', 'trustedIssuer'],
  ['membership', 'membership'],
  ['apiKey', 'apiKey'],
  ['auditConfiguration', 'auditConfiguration'],
  ['tagNamespace', 'tagNamespace'],
  ['tag', 'tag'],
  ['tagDefault', 'tagDefault'],
  ['log', 'entry'],
])

async function homeStatement(tables: Pick<Tables, 'get'>, tenancyId: string) {
  const row = await tables.get('Identity', tenancyId, statementSk)
  return row?.['statement'] as ReturnType<Hsm['statement']> | undefined
}
