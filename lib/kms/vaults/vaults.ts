import type { AuditEvent } from '../audit.ts'
import type { JsonObject } from '../../canonicalJson.ts'
import { firstEpoch } from '../rows/epoch.ts'
import { finishChange } from '../handOffChange.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import {
  bookkeeping,
  newEtag,
  putOver,
  requireMadeBy,
  requirePrimary,
  requireUnchanged,
  type AuditEffect,
  type Mutation,
} from '../mutation.ts'
import { requestedChange } from '../requestedChange.ts'
import { placedIn, requireCompartmentActive } from '../identity/compartmentContents.ts'
import { notFoundOrForbidden } from '../../errors.ts'
import { newOcid, newVaultPrefix } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import { vaultSk, type DefinedTags, type Tags, type VaultRow, type VaultType } from '../rows/rows.ts'
import { wholeTree } from '../rows/digestTree.ts'
import { requireRoomForVault } from '../usage/serviceLimits.ts'
import { vaultWithMac, vaultContext, type WithoutMac } from '../rows/rowMac.ts'
import { vaultKeysSk, type Vault, type VaultKeysRow } from '../vaultCache.ts'
import { keepingPartition } from './partition.ts'

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

type CreatePorts = Pick<
  KmsPorts,
  'tables' | 'hsm' | 'cache' | 'random' | 'clock' | 'timers' | 'region' | 'serviceLimits' | 'log'
>

/** A vault answers ACTIVE at once. Its wrapping key has its OCID from here on and its material when first needed. */
export function createVault(ports: CreatePorts, mutation: Mutation, input: CreateVaultInput): Promise<VaultRow> {
  return requestedChange(ports, mutation, {
    earlier: async (earlier) => {
      const vault = await ports.cache.freshVault(earlier.resourceId)
      requireMadeBy(earlier, vault?.row)
      if (vault === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: earlier.resourceId })
      return vault.row
    },
    load: async () => {
      await requireCompartmentActive(ports, input.tenancyId, input.compartmentId)
      await requireRoomForVault(ports, input.compartmentIds, input.vaultType)
    },
    commit: async () => {
      const vaultPrefix = newVaultPrefix(ports.random)
      const id = newOcid(ports.random, 'vault', { region: ports.region, vaultPrefix })
      return keepingPartition(ports, vaultContext({ ...input, id }), async () => {
        const { row, keysRow } = await newVault(ports, mutation, input, { id, vaultPrefix })
        const outcome = await ports.tables.write([
          putOver('Vaults', row, undefined),
          putOver('Vaults', keysRow, undefined),
          putOver('Vaults', prefixRow(row), undefined),
          wholeTree(row.id),
          ...placedIn(input.tenancyId, input.compartmentId, { table: 'Vaults', id: row.id }),
          ...bookkeeping(mutation, vaultEffect(row), row.etag),
        ])
        return outcome.ok ? row : undefined
      })
    },
  })
}

async function newVault(
  ports: CreatePorts,
  mutation: Mutation,
  { compartmentIds: _, origin, ...details }: CreateVaultInput,
  { id, vaultPrefix }: Pick<VaultRow, 'id' | 'vaultPrefix'>,
): Promise<{ row: VaultRow; keysRow: VaultKeysRow }> {
  const { region, random } = ports
  const context = vaultContext({ ...details, id })
  const wrapped = await ports.hsm.createVaultKeys(context)
  const now = ports.clock()
  const row = vaultWithMac(ports.hsm.openVault(context, wrapped), {
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
  return { row, keysRow: { pk: id, sk: vaultKeysSk, wrapped: { ...wrapped } } }
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
  Omit<WithoutMac<VaultRow>, 'format' | 'pk' | 'sk' | 'id' | 'tenancyId' | 'vaultPrefix' | 'revision' | 'timeCreated'>
>

/** The next revision of a vault. `etag` stays unless the change sets it: only a caller's change gives a new one. */
export function nextVault(ports: Pick<KmsPorts, 'clock'>, vault: Vault, change: VaultMembers): VaultRow {
  return vaultWithMac(vault.keys, {
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
  readonly store: (next: VaultRow, begin: AuditEvent) => readonly Write[]
}

type ChangePorts = Pick<KmsPorts, 'tables' | 'cache' | 'handOff' | 'clock' | 'timers' | 'random' | 'region'>

/**
 * Changes a vault on a caller's request. `change` judges its state and returns what to set, or undefined where there is
 * nothing to do (a success that writes nothing).
 */
export async function changeVault(
  ports: ChangePorts,
  mutation: Mutation,
  loaded: Vault,
  change: (vault: VaultRow) => Promise<VaultChange | undefined> | VaultChange | undefined,
  asynchronous?: Asynchronous,
): Promise<VaultRow> {
  const row = await requestedChange(ports, mutation, {
    resourceId: loaded.row.id,
    earlier: async (earlier) => {
      const { row: again } = await freshVault(ports, loaded.row.id)
      requireUnchanged(earlier, again.etag)
      return again
    },
    load: async (round) => {
      const vault = await currentVault(ports, loaded, round)
      requirePrimary(ports, vault.row)
      return vault
    },
    etagOf: (vault) => vault.row.etag,
    commit: async (vault) => {
      const wanted = await change(vault.row)
      if (wanted === undefined) return vault.row
      const request = mutation.request?.pk ?? null
      const next = nextVault(ports, vault, { ...wanted.set, etag: newEtag(ports.random), request })
      const suffix = asynchronous === undefined ? {} : ({ suffix: '.begin' } as const)
      const books = bookkeeping(mutation, { ...vaultEffect(next, vault.row), ...suffix }, next.etag)
      const outcome = await ports.tables.write([
        putOver('Vaults', next, vault.row),
        ...(wanted.also ?? []),
        ...books,
        ...(asynchronous?.store(next, books[0].item.events[0]) ?? []),
      ])
      return outcome.ok ? next : undefined
    },
  })
  await finishChange(ports, { vault: { row, keys: loaded.keys } })
  return row
}

/** In the first round what the request has loaded serves; later it is read anew. */
export async function currentVault(ports: Pick<KmsPorts, 'cache'>, loaded: Vault, round: number): Promise<Vault> {
  return round === 0 ? loaded : freshVault(ports, loaded.row.id)
}

export async function freshVault({ cache }: Pick<KmsPorts, 'cache'>, id: string): Promise<Vault> {
  const vault = await cache.freshVault(id)
  if (vault === undefined) throw notFoundOrForbidden({ name: 'noSuchVault', vaultId: id })
  return vault
}
