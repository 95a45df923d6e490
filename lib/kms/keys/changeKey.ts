import { KmsError, notFoundOrForbidden } from '../../errors.ts'
import { vaultPrefixOf } from '../../ocid.ts'
import { finishChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { requireKeyState, requireVaultActive, type KeyOperation } from '../rows/lifecycle.ts'
import {
  bookkeeping,
  earlierResult,
  requireMatch,
  requirePrimary,
  requireMadeBy,
  requireResultIs,
  requireUnchanged,
  untilCommitted,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from '../mutation.ts'
import { commitKey, digestAfter } from './commitKey.ts'
import { newStamp } from './newKeyVersion.ts'
import type { Write } from '../../ports.ts'
import type { KeyRow } from '../rows/rows.ts'
import { sealKey } from '../rows/rowMac.ts'
import { enable, isSettled, settle, settleKey, type Enabled } from './settleKey.ts'
import type { Vault } from '../vaults/vaultCache.ts'

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
  const first = isReplicated ? creating : enable(vault, creating.key, creating.version)
  const versions = [{ previous: undefined, next: first.version }]
  const books = bookkeeping(mutation, effect, creating.key.etag)
  if (!(await commitKey(ports, vault, { previous, next: first.key, versions }, [...also, ...books]))) return undefined
  return isReplicated ? settle(ports, vault, creating.key, creating.version) : first
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
 * Changes a key on a caller's request, in the contract's order (§2.5, steps 8 to 12). `change` sees the rows as they are;
 * undefined says that there is nothing to do.
 */
export async function changeKey(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  operation: KeyOperation,
  change: (current: VaultKey) => Promise<KeyChange | undefined> | KeyChange | undefined,
): Promise<KeyRow> {
  return untilCommitted(ports, async (round) => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      requireResultIs(earlier, loaded.key.id)
      return keyOfEarlier(ports, loaded.vault, earlier)
    }
    const { vault, key } = await settledKey(ports, loaded, round)
    requireWritable(ports, vault)
    requireMatch(mutation, key.etag)
    requireKeyState(operation, key)
    const wanted = await change({ vault, key })
    if (wanted === undefined) return key
    const stamp = newStamp(ports, vault, mutation, key.revision + 1)
    const versionsDigest = await digestAfter(ports, vault, key, [])
    const next = sealKey(vault.keys, { ...key, ...wanted.set, ...stamp, versionsDigest })
    const also = [...(wanted.also ?? []), ...bookkeeping(mutation, keyEffect(next, key), next.etag)]
    if (!(await commitKey(ports, vault, { previous: key, next, versions: [] }, also))) return undefined
    await finishChange(ports, { vault, key: next, before: key.revision })
    return next
  })
}

/** In the first round what the request has loaded serves; later it is read anew. The key comes back settled. */
export async function settledKey(ports: ManagePorts, loaded: VaultKey, round: number): Promise<VaultKey> {
  if (round === 0 && isSettled(loaded.key)) return loaded
  const vault = await freshVault(ports, loaded.vault)
  const key = await ports.cache.freshKey(vault.keys, loaded.key.id)
  if (key === undefined) throw notFoundOrForbidden()
  requirePrimary(ports, vault.row)
  return { vault, key: await settleKey(ports, vault, key) }
}

export async function freshVault({ cache }: Pick<KmsPorts, 'cache'>, { row }: Vault): Promise<Vault> {
  const vault = await cache.freshVault(row.id)
  if (vault === undefined) throw notFoundOrForbidden()
  return vault
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
  if (stored === undefined) throw notFoundOrForbidden()
  if (!isSettled(stored)) return settleKey(ports, vault, stored)
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
