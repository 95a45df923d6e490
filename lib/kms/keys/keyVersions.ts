import type { MakeMaterial } from './createKey.ts'
import { notFoundOrForbidden } from '../../errors.ts'
import { finishChange } from '../handOffChange.ts'
import {
  commitNew,
  keyEffect,
  requireWritable,
  settledKey,
  type KeyChange,
  type ManagePorts,
  type VaultKey,
} from './changeKey.ts'
import { requireKeyState, requireVersionState, type KeyVersionOperation } from '../rows/lifecycle.ts'
import {
  bookkeeping,
  earlierResult,
  requireMadeBy,
  requireMatch,
  requireResultIs,
  requireUnchanged,
  untilCommitted,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { commitKey, digestAfter } from './commitKey.ts'
import { newKeyVersion, newStamp } from './newKeyVersion.ts'
import { materialIdOf } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import type { KeyRow, KeyVersionRow } from '../rows/rows.ts'
import { requireRoomForVersion } from '../usage/serviceLimits.ts'
import { sealKey, sealVersion } from '../rows/rowMac.ts'
import { isSettled, settleKey } from './settleKey.ts'

/** How a new version differs from one that a caller asked this service to make. */
export interface NewVersion {
  readonly operation: 'CreateKeyVersion' | 'ImportKeyVersion'
  readonly make: MakeMaterial
  /** What else of the key changes with it, judged on the key as it stands. */
  readonly change?: (current: VaultKey) => KeyChange
}

/** Rotates a key. Until the new version is handed off, the previous one serves. */
export async function createKeyVersion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  { operation, make, change }: NewVersion = {
    operation: 'CreateKeyVersion',
    make: (vault, of, stamp) => newKeyVersion(ports, vault, of, stamp),
  },
): Promise<KeyVersionRow> {
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) return versionMadeBy(ports, loaded, earlier)
  requireWritable(ports, loaded.vault)
  requireMatch(mutation, loaded.key.etag)
  // Before material is made for nothing; an unsettled key is judged below, once it is settled.
  if (isSettled(loaded.key)) requireKeyState(operation, loaded.key)
  await requireRoomForVersion(ports, loaded.vault.row, loaded.key)
  const { id: keyId, shape, protectionMode } = loaded.key
  const material = await make(
    loaded.vault,
    { keyId, shape, protectionMode },
    newStamp(ports, loaded.vault, mutation, 0),
  )
  return untilCommitted(ports, async (round) => {
    const winner = round === 0 ? undefined : await earlierResult(ports, mutation)
    if (winner !== undefined) return versionMadeBy(ports, loaded, winner)
    const { vault, key } = await settledKey(ports, loaded, round)
    requireWritable(ports, vault)
    requireMatch(mutation, key.etag)
    requireKeyState(operation, key)
    const { set, also } = change?.({ vault, key }) ?? {}
    const stamp = { ...newStamp(ports, vault, mutation, key.revision + 1), etag: material.etag }
    const timeCreated = await timeAfterCurrent(ports, { vault, key }, stamp.committedAt)
    const version = sealVersion(vault.keys, { ...material, ...stamp, timeCreated })
    const versionsDigest = await digestAfter(ports, vault, key, [{ previous: undefined, next: version }])
    const rotated = { pendingKeyVersion: material.id, versionCount: key.versionCount + 1, versionsDigest }
    const creating = { key: sealKey(vault.keys, { ...key, ...set, ...stamp, ...rotated }), version }
    const effect = { ...keyEffect(creating.key, key), resourceId: material.id }
    return (await commitNew(ports, mutation, vault, creating, key, effect, also))?.version
  })
}

/** Later than the current version's time, whatever the clock says: whoever looks for the newest finds the current one. */
async function timeAfterCurrent({ cache }: ManagePorts, { vault, key }: VaultKey, now: number): Promise<string> {
  const current = await cache.version(vault.keys, key.id, materialIdOf(key.currentKeyVersion) ?? '')
  const after = current === undefined ? 0 : Date.parse(current.timeCreated) + 1
  return new Date(Math.max(now, after)).toISOString()
}

/** Changes a version on a caller's request; its key's row moves along, because both share one revision. */
export async function changeKeyVersion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  { keyVersionId, operation }: { readonly keyVersionId: string; readonly operation: KeyVersionOperation },
  change: (current: VaultKey, version: KeyVersionRow) => VersionChange,
): Promise<KeyVersionRow> {
  return untilCommitted(ports, async (round) => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      requireResultIs(earlier, keyVersionId)
      return versionOfEarlier(ports, loaded, earlier)
    }
    const { vault, key } = await settledKey(ports, loaded, round)
    const version = await keyVersion(ports, { vault, key }, keyVersionId)
    if (version === undefined || version.lifecycleState === 'DELETED') throw notFoundOrForbidden()
    requireWritable(ports, vault)
    requireMatch(mutation, version.etag)
    requireKeyState(operation, key)
    requireVersionState(operation, version)
    const { set, also } = change({ vault, key }, version)
    const stamp = newStamp(ports, vault, mutation, key.revision + 1)
    const next = sealVersion(vault.keys, { ...version, ...set, ...stamp })
    const versions = [{ previous: version, next }]
    const versionsDigest = await digestAfter(ports, vault, key, versions)
    const moved = sealKey(vault.keys, { ...key, ...stamp, versionsDigest })
    const books = bookkeeping(mutation, versionEffect(key, next, version), next.etag)
    if (!(await commitKey(ports, vault, { previous: key, next: moved, versions }, [...also, ...books])))
      return undefined
    await finishChange(ports, { vault, key: moved, versions: [next], before: key.revision })
    return next
  })
}

export interface VersionChange {
  readonly set: Partial<Pick<KeyVersionRow, 'lifecycleState' | 'timeOfDeletion'>>
  readonly also: readonly Write[]
}

function versionEffect(key: KeyRow, next: KeyVersionRow, previous: KeyVersionRow): AuditEffect {
  const facts = ({ lifecycleState, timeOfDeletion }: KeyVersionRow) => ({ lifecycleState, timeOfDeletion })
  return {
    resourceId: next.id,
    resourceName: key.displayName,
    compartmentId: key.compartmentId,
    previous: facts(previous),
    current: facts(next),
  }
}

/** A version of a key by its OCID; undefined where the key has none such. */
export async function keyVersion(
  { cache }: Pick<ManagePorts, 'cache'>,
  { vault, key }: VaultKey,
  keyVersionId: string,
): Promise<KeyVersionRow | undefined> {
  const materialId = materialIdOf(keyVersionId)
  if (materialId === undefined) return undefined
  const version = await cache.freshVersion(vault.keys, key.id, materialId)
  return version?.id === keyVersionId ? version : undefined
}

async function versionMadeBy(ports: ManagePorts, loaded: VaultKey, earlier: RequestRow): Promise<KeyVersionRow> {
  requireMadeBy(earlier, await keyVersion(ports, loaded, earlier.resourceId))
  return versionOfEarlier(ports, loaded, earlier)
}

async function versionOfEarlier(
  ports: ManagePorts,
  { vault, key }: VaultKey,
  earlier: RequestRow,
): Promise<KeyVersionRow> {
  const settled = await settleKey(ports, vault, key)
  const version = await keyVersion(ports, { vault, key: settled }, earlier.resourceId)
  requireUnchanged(earlier, version?.etag)
  if (version === undefined) throw notFoundOrForbidden()
  await finishChange(ports, { vault, key: settled, versions: [version] })
  return version
}
