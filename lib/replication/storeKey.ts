import { contentMark, type Contained } from '../kms/identity/compartmentContents.ts'
import { countedDigest } from '../kms/keys/commitKey.ts'
import { requestSk, putOver } from '../kms/mutation.ts'
import { treeWrites } from '../kms/rows/digestTree.ts'
import { isAtLeast, type Order } from '../kms/rows/epoch.ts'
import { versionContext } from '../kms/rows/versionContext.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../kms/rows/rows.ts'
import { changedVersionsDigest, keyDigest, noRows, type RowsDigest } from '../kms/rows/rowsDigest.ts'
import type { Vault } from '../kms/vaultCache.ts'
import type { Item, Write } from '../ports.ts'
import { ChangedMeanwhile } from './changedMeanwhile.ts'
import { coverageOf, coverageWrite } from './coverage.ts'
import { orderOf } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

type StorePorts = Pick<ReplicationPorts, 'tables' | 'cache'>

/** Rows of one key, verified, as another region sent them. */
export interface SentKey {
  readonly key: KeyRow
  readonly versions: readonly KeyVersionRow[]
  readonly request: Item | null
}

interface VersionStep {
  readonly previous: KeyVersionRow | undefined
  readonly next: KeyVersionRow
}

/** What a replica has of a key. */
export interface StoredKey {
  readonly key: KeyRow
  readonly sequence: number
  readonly versions: RowsDigest
  readonly whole: Order | null
  /** False: the key's own row says that versions are missing or old here. */
  readonly isWhole: boolean
}

const attempts = 8

/**
 * Stores what is newer of a key in one transaction with what this region knows of it: the digest of its stored versions,
 * whether that is what the key's row says, and the vault's digests. Where nothing is newer nothing is written.
 * @throws ChangedMeanwhile where the vault is not this replica any more.
 */
export async function storeKey(ports: StorePorts, vault: Vault, sent: SentKey): Promise<StoredKey> {
  for (let attempt = 1; attempt <= attempts; attempt += 1) {
    const stored = await tryToStore(ports, vault, sent)
    if (stored === 'isNoReplica') break
    if (stored !== undefined) return stored
  }
  throw new ChangedMeanwhile(vault.row.id)
}

/** Undefined: other rows of the key or the leaf were written meanwhile. */
async function tryToStore(
  ports: StorePorts,
  vault: Vault,
  { key: sent, versions, request }: SentKey,
): Promise<StoredKey | 'isNoReplica' | undefined> {
  const { tables, cache } = ports
  // INVARIANT: read before the rows. It changes with each of them, so where it stands at the commit, so do they.
  const known = await coverageOf(ports, vault, sent.id)
  const [storedKey, previous] = await Promise.all([
    cache.freshKey(vault.keys, sent.id),
    Promise.all(versions.map(({ materialId }) => cache.freshVersion(vault.keys, sent.id, materialId))),
  ])
  const isNewer = storedKey === undefined || !isAtLeast(storedKey, sent)
  const key = isNewer ? sent : storedKey
  const steps = versions
    .map((next, index) => ({ previous: previous[index], next }))
    .filter((step) => !isAtLeast(step.previous, step.next))
  // INVARIANT: of a key whose row is not here no version is: they come with it, and a purge takes them before it.
  const isNew = known === undefined && storedKey === undefined && previous.every((version) => version === undefined)
  const before = isNew ? noRows : known?.versions
  const quick = before === undefined ? undefined : changedVersionsDigest(before, steps)
  // What does not come out whole is counted row by row: what this region knows of them may be wrong.
  const digest =
    quick !== undefined && quick === key.versionsDigest ? quick : await countedDigest(tables, vault, sent.id, steps)
  const isWhole = key.versionsDigest === digest
  const whole = isWhole ? orderOf(key) : (known?.whole ?? null)
  const result = { key, versions: digest, whole, isWhole }
  const isKnown = known?.versions === digest && isSame(known.whole, whole)
  if (!isNewer && steps.length === 0 && isKnown) return { ...result, sequence: known.revision }
  const { id, epoch, revision } = key
  const outcome = await tables.write([
    standsAsReplica(vault.row),
    ...(isNewer ? [putOver('Keys', key, storedKey)] : []),
    ...steps.map((step) => putOver('Keys', step.next, step.previous)),
    coverageWrite(vault, id, known, { versions: digest, whole }),
    ...(await treeWrites(tables, vault.row.id, { id, epoch, revision, digest: keyDigest(key, digest) })),
    ...(key.compartmentId === storedKey?.compartmentId
      ? []
      : placeMark(vault, key.compartmentId, { table: 'Keys', id })),
    ...(isNewer ? await requestWrite(tables, request) : []),
  ])
  if (!outcome.ok) return outcome.failed.includes(0) ? 'isNoReplica' : undefined
  dropDestroyed(vault, key, steps)
  return { ...result, sequence: (known?.revision ?? 0) + 1 }
}

/** What is open in memory goes with the material, as in the primary. */
function dropDestroyed({ keys }: Vault, key: KeyRow, steps: readonly VersionStep[]): void {
  for (const { previous, next } of steps) {
    const wrapped = next.wrapped === null ? previous?.wrapped : undefined
    if (wrapped) keys.dropHandle(versionContext(key, next.materialId), wrapped)
  }
}

function isSame(a: Order | null, b: Order | null): boolean {
  return a?.epoch === b?.epoch && a?.revision === b?.revision
}

/** A promoted replica honours the retry tokens of the region it replaces. */
export async function requestWrite(
  tables: Pick<ReplicationPorts['tables'], 'get'>,
  request: Item | null,
): Promise<readonly Write[]> {
  if (request === null || (await tables.get('Requests', request.pk, requestSk)) !== undefined) return []
  return [{ op: 'put', table: 'Requests', item: request, condition: { kind: 'absent' } }]
}

/** A compartment is not empty either where only a replica has something in it. */
export function placeMark({ row }: Vault, compartmentId: string, contained: Contained): readonly Write[] {
  return contentMark(row.tenancyId, compartmentId, contained)
}

/** The vault is still this replica: a purge that runs at the same time loses nothing to a late record. */
export function standsAsReplica({ pk, sk, primaryRegion, fence }: VaultRow): Write {
  return { op: 'check', table: 'Vaults', pk, sk, condition: { kind: 'fields', fields: { primaryRegion, fence } } }
}
