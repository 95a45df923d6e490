import type { KeyShape, ProtectionMode } from '../hsm/hsm.ts'
import { placedIn, requireCompartmentActive } from './compartmentContents.ts'
import { notFoundOrForbidden } from './errors.ts'
import { finishChange } from './finishChange.ts'
import type { KmsPorts } from './kmsPorts.ts'
import { requireKeyState, type KeyOperation } from './lifecycle.ts'
import {
  bookkeeping,
  earlierResult,
  requireMatch,
  requirePrimary,
  requireUnchanged,
  requireVaultActive,
  untilCommitted,
  vaultStands,
  type AuditEffect,
  type Mutation,
  type RequestRow,
} from './mutation.ts'
import { newKeyVersion, newStamp, type Stamp } from './newKeyVersion.ts'
import { newOcid } from './ocid.ts'
import type { Write } from './ports.ts'
import { keySk, type DefinedTags, type KeyRow, type KeyVersionRow, type Tags } from './rows.ts'
import { sealKey, sealVersion, type Unsealed } from './seal.ts'
import { enable, isSettled, settle, settleKey, type Enabled } from './settleKey.ts'
import type { Vault } from './vaultCache.ts'

export type ManagePorts = Pick<KmsPorts, 'tables' | 'cache' | 'handOff' | 'clock' | 'random' | 'region'>

export interface CreateKeyInput {
  readonly compartmentId: string
  readonly displayName: string
  readonly shape: KeyShape
  readonly protectionMode: ProtectionMode
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
}

/** A vault and one of its keys, as loaded and authorized for a request. */
export interface VaultKey {
  readonly vault: Vault
  readonly key: KeyRow
}

/** The key is ENABLED in the answer; in a replicated vault only once its record is in the replica's inbox. */
export async function createKey(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: Vault,
  input: CreateKeyInput,
): Promise<KeyRow> {
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) return keyOfEarlier(ports, loaded, earlier)
  requireWritable(ports, loaded)
  const { tenancyId } = loaded.row
  await requireCompartmentActive(ports, tenancyId, input.compartmentId)
  const { region } = ports
  const id = newOcid(ports.random, 'key', { region, vaultPrefix: loaded.row.vaultPrefix })
  const stamp = newStamp(ports, loaded, mutation, 1)
  const material = await newKeyVersion(ports, loaded, { keyId: id, ...input }, stamp)
  return untilCommitted(async (round) => {
    const vault = round === 0 ? loaded : await freshVault(ports, loaded)
    requireWritable(ports, vault)
    // A request with the same token may have overtaken this one.
    const winner = round === 0 ? undefined : await earlierResult(ports, mutation)
    if (winner !== undefined) return keyOfEarlier(ports, vault, winner)
    if (round > 0) await requireCompartmentActive(ports, tenancyId, input.compartmentId)
    const { epoch } = vault.row
    const key = sealKey(vault.keys, { ...newKey(vault, input, material), ...stamp, epoch })
    const version = sealVersion(vault.keys, { ...material, epoch })
    const placed = placedIn(tenancyId, input.compartmentId, { table: 'Keys', id })
    return (await commitNew(ports, mutation, vault, { key, version }, { kind: 'absent' }, keyEffect(key), placed))?.key
  })
}

function newKey(
  { row }: Vault,
  input: CreateKeyInput,
  version: Unsealed<KeyVersionRow>,
): Omit<Unsealed<KeyRow>, keyof Stamp> {
  return {
    ...input,
    format: 'vaultspan/key-row/1',
    pk: version.keyId,
    sk: keySk,
    id: version.keyId,
    vaultId: row.id,
    lifecycleState: 'CREATING',
    timeCreated: version.timeCreated,
    timeOfDeletion: null,
    currentKeyVersion: version.id,
    pendingKeyVersion: null,
    restoredFromKeyId: null,
  }
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
  keyCondition: { kind: 'absent' } | { kind: 'revision'; revision: number },
  effect: AuditEffect,
  also: readonly Write[] = [],
): Promise<Enabled | undefined> {
  const isReplicated = vault.row.handOffTo !== null
  const first = isReplicated ? creating : enable(vault, creating.key, creating.version)
  const outcome = await ports.tables.write([
    vaultStands(vault.row),
    { op: 'put', table: 'Keys', item: { ...first.key }, condition: keyCondition },
    { op: 'put', table: 'Keys', item: { ...first.version }, condition: { kind: 'absent' } },
    ...also,
    ...bookkeeping(mutation, effect, creating.key.etag),
  ])
  if (!outcome.ok) return undefined
  return isReplicated ? settle(ports, vault, creating.key, creating.version) : first
}

/** What of a key a change sets. */
export type KeyChange = Partial<
  Pick<KeyRow, 'displayName' | 'lifecycleState' | 'compartmentId' | 'timeOfDeletion' | 'freeformTags' | 'definedTags'>
>

/** Changes a key on a caller's request, in the contract's order (§2.5, steps 8 to 12). */
export async function changeKey(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  operation: KeyOperation,
  change: KeyChange,
): Promise<KeyRow> {
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) return keyOfEarlier(ports, loaded.vault, earlier)
  return untilCommitted(async (round) => {
    const { vault, key } = await settledKey(ports, loaded, round)
    requireWritable(ports, vault)
    requireMatch(mutation, key.etag)
    requireKeyState(operation, key)
    const next = sealKey(vault.keys, { ...key, ...change, ...newStamp(ports, vault, mutation, key.revision + 1) })
    const outcome = await ports.tables.write([
      vaultStands(vault.row),
      { op: 'put', table: 'Keys', item: { ...next }, condition: { kind: 'revision', revision: key.revision } },
      ...bookkeeping(mutation, keyEffect(next, key), next.etag),
    ])
    if (!outcome.ok) return undefined
    await finishChange(ports, { vault: vault.row, key: next })
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

async function freshVault({ cache }: Pick<KmsPorts, 'cache'>, { row }: Vault): Promise<Vault> {
  const vault = await cache.freshVault(row.id)
  if (vault === undefined) throw notFoundOrForbidden()
  return vault
}

export function requireWritable(ports: Pick<KmsPorts, 'region'>, vault: Vault): void {
  requirePrimary(ports, vault.row)
  requireVaultActive(vault.row)
}

/** The first result again: handed off first, where the first attempt did not get that far. */
async function keyOfEarlier(ports: ManagePorts, vault: Vault, earlier: RequestRow): Promise<KeyRow> {
  const stored = await ports.cache.freshKey(vault.keys, earlier.resourceId)
  requireUnchanged(earlier, stored?.etag)
  if (stored === undefined) throw notFoundOrForbidden()
  if (!isSettled(stored)) return settleKey(ports, vault, stored)
  await finishChange(ports, { vault: vault.row, key: stored })
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
