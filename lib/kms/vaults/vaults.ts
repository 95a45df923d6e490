import type { AuditEvent } from '../audit.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import { firstEpoch } from '../rows/epoch.ts'
import { finishChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import {
  bookkeeping,
  earlierResult,
  newEtag,
  requireMadeBy,
  requireMatch,
  requirePrimary,
  requireUnchanged,
  untilCommitted,
  type AuditEffect,
  type Mutation,
} from '../mutation.ts'
import { placedIn, requireCompartmentActive } from '../identity/compartmentContents.ts'
import { notFoundOrForbidden } from '../../errors.ts'
import { newOcid, newVaultPrefix } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import { vaultSk, type DefinedTags, type Tags, type VaultRow, type VaultType } from '../rows/rows.ts'
import { wholeTree } from '../rows/digestTree.ts'
import { requireRoomForVault } from '../usage/serviceLimits.ts'
import { sealVault, vaultContext, type Unsealed } from '../rows/rowMac.ts'
import { vaultKeysSk, type Vault, type VaultKeysRow } from './vaultCache.ts'

export interface CreateVaultInput {
  readonly tenancyId: string
  readonly compartmentId: string
  readonly displayName: string
  readonly vaultType: VaultType
  readonly freeformTags: Tags
  readonly definedTags: DefinedTags
  /** All compartments of the tenancy: vaults in any of them count towards its limit. */
  readonly compartmentIds: readonly string[]
  /** What a vault brings that was not made here: it may be older than replication. */
  readonly origin?: Pick<VaultRow, 'isVaultReplicable' | 'timeCreated'>
}

type CreatePorts = Pick<KmsPorts, 'tables' | 'hsm' | 'cache' | 'random' | 'clock' | 'region' | 'serviceLimits'>

/** A vault answers ACTIVE at once. Its wrapping key has its OCID from here on and its material when first needed. */
export async function createVault(ports: CreatePorts, mutation: Mutation, input: CreateVaultInput): Promise<VaultRow> {
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) {
    const vault = await ports.cache.freshVault(earlier.resourceId)
    requireMadeBy(earlier, vault?.row)
    if (vault !== undefined) return vault.row
  }
  await requireCompartmentActive(ports, input.tenancyId, input.compartmentId)
  const { compartmentIds, origin, ...details } = input
  await requireRoomForVault(ports, compartmentIds, input.vaultType)
  const { region, random } = ports
  const vaultPrefix = newVaultPrefix(random)
  const id = newOcid(random, 'vault', { region, vaultPrefix })
  const context = vaultContext({ ...input, id })
  const wrapped = await ports.hsm.createVaultKeys(context)
  const now = ports.clock()
  const row = sealVault(ports.hsm.openVault(context, wrapped), {
    format: 'vaultspan/vault/1',
    pk: id,
    sk: vaultSk,
    id,
    ...details,
    vaultPrefix,
    wrappingKeyId: newOcid(random, 'key', { region, vaultPrefix }),
    lifecycleState: 'ACTIVE',
    timeOfDeletion: null,
    timeCreated: origin?.timeCreated ?? new Date(now).toISOString(),
    isVaultReplicable: origin?.isVaultReplicable ?? true,
    restoredFromVaultId: null,
    primaryRegion: region,
    replicaRegion: null,
    replicaStatus: null,
    handOffTo: null,
    fence: 0,
    epoch: firstEpoch(region),
    revision: 1,
    etag: newEtag(random),
    committedAt: now,
    request: mutation.request?.pk ?? null,
  })
  const keysRow: VaultKeysRow = { pk: id, sk: vaultKeysSk, wrapped: { ...wrapped } }
  const outcome = await ports.tables.write([
    { op: 'put', table: 'Vaults', item: { ...row }, condition: { kind: 'absent' } },
    { op: 'put', table: 'Vaults', item: { ...keysRow }, condition: { kind: 'absent' } },
    { op: 'put', table: 'Vaults', item: prefixRow(row), condition: { kind: 'absent' } },
    wholeTree(id),
    ...placedIn(input.tenancyId, input.compartmentId, { table: 'Vaults', id }),
    ...bookkeeping(mutation, vaultEffect(row), row.etag),
  ])
  // A repetition with the same token has overtaken this one, or the compartment is being deleted.
  return outcome.ok ? row : createVault(ports, mutation, input)
}

/** Leads from a vault's host to the vault, by primary key. */
export function prefixRow(vault: VaultRow): { pk: string; sk: string; vaultId: string } {
  return { ...prefixKey(vault.vaultPrefix), vaultId: vault.id }
}

export function prefixKey(vaultPrefix: string): { pk: string; sk: string } {
  return { pk: `prefix#${vaultPrefix}`, sk: vaultSk }
}

export function vaultEffect(row: VaultRow, previous?: VaultRow): AuditEffect {
  return {
    resourceId: row.id,
    resourceName: row.displayName,
    compartmentId: row.compartmentId,
    ...(previous === undefined ? {} : { previous: vaultFacts(previous) }),
    current: vaultFacts(row),
  }
}

function vaultFacts({
  displayName,
  lifecycleState,
  compartmentId,
  replicaRegion,
  replicaStatus,
  timeOfDeletion,
}: VaultRow): JsonObject {
  return { displayName, lifecycleState, compartmentId, replicaRegion, replicaStatus, timeOfDeletion }
}

/** What of a vault a change sets; identity, order and origin are not a caller's to set. */
export type VaultMembers = Partial<
  Omit<Unsealed<VaultRow>, 'format' | 'pk' | 'sk' | 'id' | 'tenancyId' | 'vaultPrefix' | 'revision' | 'timeCreated'>
>

/** The next revision of a vault. `etag` stays unless the change sets it: only a caller's change gives a new one. */
export function nextVault(ports: Pick<KmsPorts, 'clock'>, vault: Vault, change: VaultMembers): VaultRow {
  return sealVault(vault.keys, {
    ...vault.row,
    ...change,
    revision: vault.row.revision + 1,
    committedAt: ports.clock(),
  })
}

/** What a change sets, and what else is written with it. */
export interface VaultChange {
  readonly set: VaultMembers
  readonly also?: readonly Write[]
}

/** A change whose end comes later: its event is a `.begin`, and what the `.end` needs is kept in the same transaction. */
export interface Asynchronous {
  readonly remember: (next: VaultRow, begin: AuditEvent) => readonly Write[]
}

type ChangePorts = Pick<KmsPorts, 'tables' | 'cache' | 'handOff' | 'clock' | 'timers' | 'random' | 'region'>

/**
 * Changes a vault on a caller's request: retry token, if-match, state, write, hand-off, in the contract's order.
 * `change` returns what to set, or undefined where there is nothing to do (a success that writes nothing).
 */
export async function changeVault(
  ports: ChangePorts,
  mutation: Mutation,
  loaded: Vault,
  change: (vault: VaultRow) => Promise<VaultChange | undefined> | VaultChange | undefined,
  asynchronous?: Asynchronous,
): Promise<VaultRow> {
  const row = await untilCommitted(ports, async (round) => {
    const earlier = await earlierResult(ports, mutation)
    if (earlier !== undefined) {
      const { row: again } = await freshVault(ports, loaded.row.id)
      requireUnchanged(earlier, again.etag)
      return again
    }
    const vault = round === 0 ? loaded : await freshVault(ports, loaded.row.id)
    requirePrimary(ports, vault.row)
    requireMatch(mutation, vault.row.etag)
    const wanted = await change(vault.row)
    if (wanted === undefined) return vault.row
    const next = nextVault(ports, vault, {
      ...wanted.set,
      etag: newEtag(ports.random),
      request: mutation.request?.pk ?? null,
    })
    const effect = {
      ...vaultEffect(next, vault.row),
      ...(asynchronous === undefined ? {} : { suffix: '.begin' as const }),
    }
    const books = bookkeeping(mutation, effect, next.etag)
    const outcome = await ports.tables.write([
      { op: 'put', table: 'Vaults', item: { ...next }, condition: { kind: 'revision', revision: vault.row.revision } },
      ...(wanted.also ?? []),
      ...books,
      ...(asynchronous === undefined ? [] : asynchronous.remember(next, books[0].item.events[0])),
    ])
    return outcome.ok ? next : undefined
  })
  await finishChange(ports, { vault: { row, keys: loaded.keys } })
  return row
}

async function freshVault(ports: Pick<KmsPorts, 'cache'>, id: string): Promise<Vault> {
  const vault = await ports.cache.freshVault(id)
  if (vault === undefined) throw notFoundOrForbidden()
  return vault
}
