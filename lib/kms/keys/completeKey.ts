import { KmsError } from '../../errors.ts'
import { finishChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { materialIdOf } from '../../ocid.ts'
import type { KeyRow, KeyVersionRow } from '../rows/rows.ts'
import { keyWithMac, versionWithMac } from '../rows/rowMac.ts'
import type { Vault } from '../vaultCache.ts'
import { changedVersionsDigest } from '../rows/rowsDigest.ts'
import { commitKey } from './commitKey.ts'

export interface Enabled {
  readonly key: KeyRow
  readonly version: KeyVersionRow
}

/**
 * The enabled form of a key that is CREATING or has a pending version. A pure function of the stored rows, so that the
 * record handed off before the second write and the rows of that write are the same bytes, whoever computes them.
 */
export function enabledForm({ keys }: Vault, key: KeyRow, version: KeyVersionRow): Enabled {
  const revision = key.revision + 1
  const next = versionWithMac(keys, { ...version, revision, lifecycleState: 'ENABLED' })
  const digest = key.versionsDigest
  return {
    key: keyWithMac(keys, {
      ...key,
      ...(digest === undefined ? {} : { versionsDigest: changedVersionsDigest(digest, [{ previous: version, next }]) }),
      revision,
      lifecycleState: key.lifecycleState === 'CREATING' ? 'ENABLED' : key.lifecycleState,
      currentKeyVersion: version.id,
      pendingKeyVersion: null,
    }),
    version: next,
  }
}

/** A deleted key waits for nothing, whatever it waited for before: its versions went with it. */
export function isComplete(key: KeyRow): boolean {
  if (key.lifecycleState === 'DELETED') return true
  return key.lifecycleState !== 'CREATING' && key.pendingKeyVersion === null
}

type CompletePorts = Pick<KmsPorts, 'tables' | 'cache' | 'handOff'>

/**
 * Completes what a committed but unanswered CreateKey or CreateKeyVersion left open: hands off, then enables. Every
 * change of a key starts here, so that nothing else can take the revision that `enabledForm` will take.
 * @throws KmsError handOffPending in strict mode while the replica cannot be reached.
 */
export async function completeKey(ports: CompletePorts, vault: Vault, key: KeyRow): Promise<KeyRow> {
  if (isComplete(key)) return key
  const open = key.pendingKeyVersion ?? key.currentKeyVersion
  const version = await ports.cache.freshVersion(vault.keys, key.id, materialIdOf(open) ?? '')
  if (version === undefined) throw new KmsError('integrityFailure', `The version ${open} of a key is missing.`)
  // Both rows were written at one revision. A version that is further on was completed after the key's row was read: what
  // is computed of the two would be a second, false row of the next revision.
  if (version.revision === key.revision) return (await completeVersion(ports, vault, key, version)).key
  const fresh = await ports.cache.freshKey(vault.keys, key.id)
  if (fresh === undefined || fresh.revision <= key.revision) {
    throw new KmsError('integrityFailure', `The version ${open} of a key does not fit it.`)
  }
  return completeKey(ports, vault, fresh)
}

/** As completeKey; but where the vault is DELETED there is nothing left that a new version could wait for. */
export async function completeUnlessDeleted(ports: CompletePorts, vault: Vault, key: KeyRow): Promise<KeyRow> {
  return vault.row.lifecycleState === 'DELETED' ? key : completeKey(ports, vault, key)
}

/** As completeKey, where the rows are at hand. */
export async function completeVersion(
  ports: CompletePorts,
  vault: Vault,
  key: KeyRow,
  version: KeyVersionRow,
): Promise<Enabled> {
  const enabled = enabledForm(vault, key, version)
  const before = key.revision - 1
  await finishChange(ports, { vault, key: enabled.key, versions: [enabled.version], before })
  await commitKey(ports, vault, {
    previous: key,
    next: enabled.key,
    versions: [{ previous: version, next: enabled.version }],
  })
  // A condition that failed means that another request or the stream completed it first, with the same bytes, or that the
  // vault changed under it: then the next reader completes it.
  const [completeKeyRow, completeVersionRow] = await Promise.all([
    ports.cache.freshKey(vault.keys, key.id),
    ports.cache.freshVersion(vault.keys, key.id, version.materialId),
  ])
  if (completeKeyRow === undefined || completeVersionRow === undefined || !isComplete(completeKeyRow)) {
    throw new KmsError('incorrectState', `The key ${key.id} is being changed by another request; try again.`)
  }
  return { key: completeKeyRow, version: completeVersionRow }
}
