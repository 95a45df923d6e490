import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { vaultPrefixOf } from '../../ocid.ts'
import { finishChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { requireKeyState, requireVaultActive, type KeyOperation } from '../rows/lifecycle.ts'
import {
  bookkeeping,
  requirePrimary,
  requireMadeBy,
  requireUnchanged,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { requestedChange } from '../requestedChange.ts'
import { commitKey, commitRequested, keyStep } from './commitKey.ts'
import { newStamp } from './newKeyVersion.ts'
import type { Write } from '../../ports.ts'
import type { KeyRow } from '../rows/rows.ts'
import { enabledForm, isComplete, completeVersion, completeKey, type Enabled } from './completeKey.ts'
import type { Vault } from '../vaultCache.ts'
import { freshVault } from '../vaults/vaults.ts'

export type ManagePorts = Pick<
  KmsPorts,
  'tables' | 'cache' | 'handOff' | 'clock' | 'timers' | 'random' | 'region' | 'serviceLimits'
>

/** A vault and one of its keys, as loaded and authorized for a request. */
export interface VaultKey {
  readonly vault: Vault
  readonly key: KeyRow
}

/**
 * Commits a key with a new version: enabled at once where there is no replica, else CREATING until it is handed off.
 * Undefined where a condition failed.
 */
export async function commitNew(
  ports: ManagePorts,
  mutation: Mutation,
  vault: Vault,
  creating: Enabled,
  previous: KeyRow | undefined,
  effect: AuditEffect,
  also: readonly Write[] = [],
): Promise<Enabled | undefined> {
  const isReplicated = vault.row.handOffTo !== null
  const first = isReplicated ? creating : enabledForm(vault, creating.key, creating.version)
  const step = { previous, next: first.key, versions: [{ previous: undefined, next: first.version }] }
  const books = bookkeeping(mutation, effect, creating.key.etag)
  if (!(await commitKey(ports, vault, step, [...also, ...books]))) return undefined
  return isReplicated ? completeVersion(ports, vault, creating.key, creating.version) : first
}

/** What of a key a change sets, and what else is written with it. */
export interface KeyChange {
  readonly set: Partial<
    Pick<
      KeyRow,
      | 'displayName'
      | 'lifecycleState'
      | 'compartmentId'
      | 'timeOfDeletion'
      | 'stateBeforeDeletion'
      | 'freeformTags'
      | 'definedTags'
      | 'isAutoRotationEnabled'
      | 'autoRotation'
    >
  >
  readonly also?: readonly Write[]
}

/**
 * Changes a key on a caller's request. `change` sees the rows as they are; undefined says that there is nothing to do.
 */
export async function changeKey(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  operation: KeyOperation,
  change: (current: VaultKey) => Promise<KeyChange | undefined> | KeyChange | undefined,
): Promise<KeyRow> {
  return requestedChange(ports, mutation, {
    resourceId: loaded.key.id,
    earlier: (earlier) => keyOfEarlier(ports, loaded.vault, earlier),
    load: (round) => writableKey(ports, loaded, round),
    etagOf: ({ key }) => key.etag,
    commit: async ({ vault, key }) => {
      requireKeyState(operation, key)
      const wanted = await change({ vault, key })
      if (wanted === undefined) return key
      const stamp = newStamp(ports, vault, mutation, key.revision + 1)
      const step = await keyStep(ports, vault, key, { ...key, ...wanted.set, ...stamp })
      const books = bookkeeping(mutation, keyEffect(step.next, key), stamp.etag)
      const isDone = await commitRequested(ports, vault, step, [...(wanted.also ?? []), ...books])
      return isDone ? step.next : undefined
    },
  })
}

/** In the first round what the request has loaded serves; later it is read anew. The key comes back complete. */
export async function completedKey(ports: ManagePorts, loaded: VaultKey, round: number): Promise<VaultKey> {
  if (round === 0 && isComplete(loaded.key)) return loaded
  const vault = await freshVault(ports, loaded.vault.row.id)
  const key = await ports.cache.freshKey(vault.keys, loaded.key.id)
  if (key === undefined) throw notFoundOrForbidden({ name: 'noSuchKey', keyId: loaded.key.id, vaultId: vault.row.id })
  requirePrimary(ports, vault.row)
  return { vault, key: await completeKey(ports, vault, key) }
}

export async function writableKey(ports: ManagePorts, loaded: VaultKey, round: number): Promise<VaultKey> {
  const current = await completedKey(ports, loaded, round)
  requireWritable(ports, current.vault)
  return current
}

export function requireWritable(ports: Pick<KmsPorts, 'region'>, vault: Vault): void {
  requirePrimary(ports, vault.row)
  requireVaultActive(vault.row)
}

/** The key that an earlier request with this token made. */
export async function keyMadeBy(ports: ManagePorts, vault: Vault, earlier: RequestRow): Promise<KeyRow> {
  if (vaultPrefixOf(earlier.resourceId) !== vault.row.vaultPrefix) {
    throw new KmsError('invalidatedRetryToken', 'This opc-retry-token was used in another vault; use a new token.')
  }
  requireMadeBy(earlier, await ports.cache.freshKey(vault.keys, earlier.resourceId))
  return keyOfEarlier(ports, vault, earlier)
}

/** The first result again: handed off first, where the first attempt did not get that far. */
export async function keyOfEarlier(ports: ManagePorts, vault: Vault, earlier: RequestRow): Promise<KeyRow> {
  const stored = await ports.cache.freshKey(vault.keys, earlier.resourceId)
  requireUnchanged(earlier, stored?.etag)
  if (stored === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: earlier.resourceId })
  if (!isComplete(stored)) return completeKey(ports, vault, stored)
  await finishChange(ports, { vault, key: stored })
  return stored
}

export function keyEffect(key: KeyRow, previous?: KeyRow): AuditEffect {
  return {
    resourceId: key.id,
    resourceName: key.displayName,
    compartmentId: key.compartmentId,
    ...(previous === undefined ? {} : { previous: keyFacts(previous) }),
    current: keyFacts(key),
  }
}

function keyFacts({ displayName, lifecycleState, compartmentId, currentKeyVersion, timeOfDeletion }: KeyRow) {
  return { displayName, lifecycleState, compartmentId, currentKeyVersion, timeOfDeletion }
}
