import type { MakeMaterial } from './createKey.ts'
import { notFoundOrForbidden } from '../../errors.ts'
import { finishChange } from '../handOffChange.ts'
import {
  commitNew,
  keyEffect,
  requireWritable,
  completedKey,
  writableKey,
  type KeyChange,
  type ManagePorts,
  type VaultKey,
} from './changeKey.ts'
import { requireKeyState, requireVersionState, type KeyVersionOperation } from '../rows/lifecycle.ts'
import {
  bookkeeping,
  requireMadeBy,
  requireUnchanged,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { requestedChange } from '../requestedChange.ts'
import { commitRequested, keyStep } from './commitKey.ts'
import { newKeyVersion, newStamp } from './newKeyVersion.ts'
import { materialIdOf } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import type { KeyRow, KeyVersionRow } from '../rows/rows.ts'
import { requireRoomForVersion } from '../usage/serviceLimits.ts'
import { versionWithMac, type WithoutMac } from '../rows/rowMac.ts'
import { completeKey } from './completeKey.ts'

/** How a new version differs from one that a caller asked this service to make. */
export interface NewVersion {
  readonly operation: 'CreateKeyVersion' | 'ImportKeyVersion'
  readonly make: MakeMaterial
  /** What else of the key changes with it, judged on the key as it stands. */
  readonly change?: (current: VaultKey) => KeyChange
}

/** Rotates a key. Until the new version is handed off, the previous one serves. */
export function createKeyVersion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  { operation, make, change }: NewVersion = {
    operation: 'CreateKeyVersion',
    make: (vault, of, stamp) => newKeyVersion(ports, vault, of, stamp),
  },
): Promise<KeyVersionRow> {
  let made: WithoutMac<KeyVersionRow> | undefined
  return requestedChange(ports, mutation, {
    earlier: (earlier) => versionMadeBy(ports, loaded, earlier),
    load: (round) => writableKey(ports, loaded, round),
    etagOf: ({ key }) => key.etag,
    commit: async ({ vault, key }) => {
      requireKeyState(operation, key)
      if (made === undefined) {
        await requireRoomForVersion(ports, vault, key)
        const { id: keyId, shape, protectionMode } = key
        made = await make(vault, { keyId, shape, protectionMode }, newStamp(ports, vault, mutation, 0))
      }
      const { set, also } = change?.({ vault, key }) ?? {}
      const stamp = { ...newStamp(ports, vault, mutation, key.revision + 1), etag: made.etag }
      const timeCreated = await timeAfterCurrent(ports, { vault, key }, stamp.committedAt)
      const version = versionWithMac(vault.keys, { ...made, ...stamp, timeCreated })
      const rotated = { pendingKeyVersion: made.id, versionCount: key.versionCount + 1 }
      const content = { ...key, ...set, ...stamp, ...rotated }
      const { next } = await keyStep(ports, vault, key, content, [{ previous: undefined, next: version }])
      const effect = { ...keyEffect(next, key), resourceId: made.id }
      return (await commitNew(ports, mutation, vault, { key: next, version }, key, effect, also))?.version
    },
  })
}

/** Later than the current version's time, whatever the clock says: whoever looks for the newest finds the current one. */
async function timeAfterCurrent({ cache }: ManagePorts, { vault, key }: VaultKey, now: number): Promise<string> {
  const current = await cache.version(vault.keys, key.id, materialIdOf(key.currentKeyVersion) ?? '')
  const after = current === undefined ? 0 : Date.parse(current.timeCreated) + 1
  return new Date(Math.max(now, after)).toISOString()
}

/** Changes a version on a caller's request; its key's row moves along, because both share one revision. */
export function changeKeyVersion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  { keyVersionId, operation }: { readonly keyVersionId: string; readonly operation: KeyVersionOperation },
  change: (current: VaultKey, version: KeyVersionRow) => VersionChange,
): Promise<KeyVersionRow> {
  return requestedChange(ports, mutation, {
    resourceId: keyVersionId,
    earlier: (earlier) => versionOfEarlier(ports, loaded, earlier),
    load: async (round) => {
      const { vault, key } = await completedKey(ports, loaded, round)
      const version = await keyVersion(ports, { vault, key }, keyVersionId)
      if (version === undefined) throw notFoundOrForbidden({ name: 'noSuchKeyVersion', keyVersionId, keyId: key.id })
      if (version.lifecycleState === 'DELETED') throw notFoundOrForbidden({ name: 'keyVersionDeleted', keyVersionId })
      requireWritable(ports, vault)
      return { vault, key, version }
    },
    etagOf: ({ version }) => version.etag,
    commit: async ({ vault, key, version }) => {
      requireKeyState(operation, key)
      requireVersionState(operation, version)
      const { set, also } = change({ vault, key }, version)
      const stamp = newStamp(ports, vault, mutation, key.revision + 1)
      const next = versionWithMac(vault.keys, { ...version, ...set, ...stamp })
      const step = await keyStep(ports, vault, key, { ...key, ...stamp }, [{ previous: version, next }])
      const books = bookkeeping(mutation, versionEffect(key, next, version), next.etag)
      return (await commitRequested(ports, vault, step, [...also, ...books])) ? next : undefined
    },
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
  const completed = await completeKey(ports, vault, key)
  const version = await keyVersion(ports, { vault, key: completed }, earlier.resourceId)
  requireUnchanged(earlier, version?.etag)
  if (version === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: earlier.resourceId })
  await finishChange(ports, { vault, key: completed, versions: [version] })
  return version
}
