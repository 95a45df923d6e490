import type { VaultContext, WrappedVaultKeys } from '../../hsm/hsm.ts'
import { derivedBytes } from './derivedBytes.ts'
import { firstEpoch } from '../rows/epoch.ts'
import { placedIn, requireCompartmentActive } from '../identity/compartmentContents.ts'
import { isKmsError, KmsError, notFoundOrForbidden } from '../../errors.ts'
import { bookkeeping, newEtag, putOver, requireMadeBy, type Mutation, type RequestRow } from '../mutation.ts'
import { idempotent } from '../requestedChange.ts'
import { untilCommitted } from '../untilCommitted.ts'
import { wholeTree } from '../rows/digestTree.ts'
import { everyKeyId } from '../rows/everyKey.ts'
import { newOcid, newVaultPrefix } from '../../ocid.ts'
import type { Write } from '../../ports.ts'
import { keySk, wrappingKeySk, type KeyRow, type VaultRow, type WrappingKeyRow } from '../rows/rows.ts'
import { requireRoomForVault } from '../usage/serviceLimits.ts'
import { verifiedRow, vaultWithMac, wrappingKeyWithMac, vaultContext } from '../rows/rowMac.ts'
import { vaultKeysSk, type Vault, type VaultKeysRow } from '../vaultCache.ts'
import { keepingPartition } from '../vaults/partition.ts'
import { nextVault, prefixRow, vaultEffect } from '../vaults/vaults.ts'
import type { BackupPorts } from './backUp.ts'
import { damaged, parseBackup, requireIntact, type VaultBackup } from './backupDocument.ts'
import { backupKeys } from './backupKeys.ts'
import { restoredKeyId, restoreKey } from './restoreKey.ts'

export interface RestoreVaultInput {
  readonly tenancyId: string
  readonly compartmentId: string
  /** All compartments of the tenancy. */
  readonly compartmentIds: readonly string[]
  /** Those of them into which a key may come back. */
  readonly active: ReadonlySet<string>
  /** Throws where the caller may not restore in this compartment: asked of where the vault was and of where it stands. */
  readonly requireRight: (compartmentId: string) => void
  readonly text: string
}

/**
 * In the region of the backup the vault comes back under its OCID, in any other under a new one, the same each time. It
 * is RESTORING until its keys are there: a restore that was cut off is begun again with the same file.
 */
export function restoreVault(ports: BackupPorts, mutation: Mutation, input: RestoreVaultInput): Promise<VaultRow> {
  const earlier = async (found: RequestRow) => {
    const vault = await ports.cache.freshVault(found.resourceId)
    requireMadeBy(found, vault?.row)
    if (vault === undefined) throw notFoundOrForbidden({ name: 'earlierResultGone', resourceId: found.resourceId })
    return vault.row
  }
  return idempotent(ports, mutation, { resourceId: undefined, earlier }, () => restore(ports, mutation, input))
}

async function restore(ports: BackupPorts, mutation: Mutation, input: RestoreVaultInput): Promise<VaultRow> {
  const document = parseBackup<VaultBackup>('vaultspan/vault-backup/1', input.text)
  if (document.tenancyId !== input.tenancyId || !hasForm(document)) throw damaged()
  const vault = await keepingPartition(ports, contextHere(ports, document), async () => {
    const opened = await openBackup(ports, document, input)
    await requireCompartmentActive(ports, input.tenancyId, input.compartmentId)
    await requireRoomForVault(ports, input.compartmentIds, 'VIRTUAL_PRIVATE')
    return restoringVault(ports, opened, input)
  })
  const from = { ...document.vault }
  const compartmentFor = (id: string) => (input.active.has(id) ? id : input.compartmentId)
  for (const saved of document.keys) {
    if (!(await wasDestroyedByItself(ports, vault, saved.key)))
      await restoreKey(ports, vault, saved, { from, compartmentFor })
  }
  return untilCommitted(ports, async () => {
    const fresh = await ports.cache.freshVault(vault.row.id)
    if (fresh?.row.lifecycleState !== 'RESTORING')
      throw new KmsError('conflict', 'The vault was restored by another request.')
    const next = nextVault(ports, fresh, {
      lifecycleState: 'ACTIVE',
      timeOfDeletion: null,
      etag: newEtag(ports.random),
      request: mutation.request?.pk ?? null,
    })
    const outcome = await ports.tables.write([
      putOver('Vaults', next, fresh.row),
      ...bookkeeping(mutation, vaultEffect(next), next.etag),
    ])
    return outcome.ok ? next : undefined
  })
}

/** Enough to look at; the MAC decides about the rest. */
function hasForm(document: VaultBackup): boolean {
  const { vault, vaultKeys, keys } = document as { readonly [name in keyof VaultBackup]?: unknown }
  const { id, tenancyId, vaultType } = (vault ?? {}) as Partial<VaultRow>
  const areTexts = [id, tenancyId, vaultType].every((text) => typeof text === 'string')
  const { hsmKek, softwareKek, macKey } = (vaultKeys ?? {}) as Partial<VaultBackup['vaultKeys']>
  const areKeys = [hsmKek, softwareKek, macKey].every((text) => typeof text === 'string')
  return areTexts && areKeys && Array.isArray(keys)
}

interface OpenedBackup {
  readonly document: VaultBackup
  /** The vault as it was saved. */
  readonly old: VaultRow
  readonly ids: Ids
  readonly keys: Vault['keys']
  readonly wrapped: WrappedVaultKeys
}

/** Verifies the whole file before anything that it names is looked up: an invented one tells nothing of what there is. */
async function openBackup(
  ports: BackupPorts,
  document: VaultBackup,
  { tenancyId }: RestoreVaultInput,
): Promise<OpenedBackup> {
  const backup = await backupKeys(ports, tenancyId)
  const ids = idsHere(ports, document)
  const to = contextHere(ports, document)
  const wrapped = await restoreKeys(ports, backup, document, to)
  const keys = ports.hsm.openVault(to, wrapped)
  requireIntact(keys, document)
  return { document, old: verifiedRow<VaultRow>(keys, 'vaultspan/vault/1', document.vault), ids, keys, wrapped }
}

/** The vault with its keys and its wrapping key, in the state RESTORING. */
async function restoringVault(ports: BackupPorts, opened: OpenedBackup, input: RestoreVaultInput): Promise<Vault> {
  const { document, old, ids, keys, wrapped } = opened
  const isSameRegion = ids.id === old.id
  if (input.compartmentIds.includes(old.compartmentId)) input.requireRight(old.compartmentId)
  // Elsewhere the vault may stand as a replica under its old OCID: it must not be there twice.
  const [existing, replica] = await Promise.all([ports.cache.freshVault(ids.id), ports.cache.freshVault(old.id)])
  for (const vault of [existing, replica]) if (vault !== undefined) input.requireRight(vault.row.compartmentId)
  const stands = [existing, replica].find((vault) => vault !== undefined && !isReplaceable(vault))
  if (stands !== undefined) {
    throw new KmsError('conflict', `The vault ${stands.row.id} exists here and is ${stands.row.lifecycleState}.`)
  }
  if (existing?.row.lifecycleState === 'DELETED') await requireSwept(ports, existing)
  const now = ports.clock()
  const row = vaultWithMac(keys, {
    ...old,
    pk: ids.id,
    id: ids.id,
    vaultPrefix: ids.vaultPrefix,
    wrappingKeyId: ids.wrappingKeyId,
    compartmentId: input.compartmentId,
    lifecycleState: 'RESTORING',
    // Tells until the end which keys went with the vault.
    timeOfDeletion: existing?.row.timeOfDeletion ?? null,
    restoredFromVaultId: isSameRegion ? old.restoredFromVaultId : old.id,
    primaryRegion: ports.region,
    ...formerReplica(existing),
    handOffTo: null,
    fence: Math.max(existing?.row.fence ?? 0, old.fence) + 1,
    epoch: existing?.row.epoch ?? firstEpoch(ports.region),
    revision: Math.max(existing?.row.revision ?? 0, isSameRegion ? old.revision : 0) + 1,
    etag: newEtag(ports.random),
    committedAt: now,
    request: null,
  })
  const keysRow: VaultKeysRow = { pk: row.id, sk: vaultKeysSk, wrapped: { ...wrapped } }
  const outcome = await ports.tables.write([
    putOver('Vaults', row, existing?.row),
    { op: 'put', table: 'Vaults', item: { ...keysRow } },
    { op: 'put', table: 'Vaults', item: prefixRow(row) },
    ...(existing === undefined ? [wholeTree(row.id)] : []),
    ...(isSameRegion ? wrappingKeyWrites(keys, row, document) : []),
    ...placedIn(row.tenancyId, row.compartmentId, { table: 'Vaults', id: row.id }),
  ])
  if (!outcome.ok) throw new KmsError('incorrectState', 'The vault is being restored by another request; try again.')
  return { row, keys }
}

/** Only a tombstone and a restore that was cut off may be written over. */
function isReplaceable({ row }: Vault): boolean {
  return row.lifecycleState === 'DELETED' || row.lifecycleState === 'RESTORING'
}

/** A key that went with its vault shows the vault's time. Its own backup brings back one that was deleted before. */
async function wasDestroyedByItself(ports: BackupPorts, vault: Vault, saved: KeyRow): Promise<boolean> {
  const stored = await ports.cache.freshKey(vault.keys, restoredKeyId(ports, vault, saved))
  const { timeOfDeletion } = vault.row
  return stored?.lifecycleState === 'DELETED' && timeOfDeletion !== null && stored.timeOfDeletion !== timeOfDeletion
}

/**
 * A vault that was deleted with its replica comes back without one. What is left there goes, as where a replica is deleted:
 * it may be more than tombstones, because the deletion may never have arrived.
 */
function formerReplica(existing: Vault | undefined): Pick<VaultRow, 'replicaRegion' | 'replicaStatus'> {
  const replicaRegion = existing?.row.replicaRegion ?? null
  return { replicaRegion, replicaStatus: replicaRegion === null ? null : 'DELETING' }
}

/** Material of a deleted vault that is still in its rows would open again under the restored keys. */
async function requireSwept({ tables }: BackupPorts, { row }: Vault): Promise<void> {
  for await (const id of everyKeyId(tables, row.id)) {
    const key = (await tables.get('Keys', id, keySk)) as unknown as KeyRow | undefined
    if (key !== undefined && (key.lifecycleState !== 'DELETED' || key.versionCount > 0)) {
      throw new KmsError('incorrectState', `The vault ${row.id} is still being deleted; try again.`)
    }
  }
}

type Ids = Pick<VaultRow, 'id' | 'vaultPrefix' | 'wrappingKeyId'>

function newIds(region: string, saved: VaultRow): Ids {
  const random = derivedBytes('restored vault', region, saved.id)
  const vaultPrefix = newVaultPrefix(random)
  return {
    vaultPrefix,
    id: newOcid(random, 'vault', { region, vaultPrefix }),
    wrappingKeyId: newOcid(random, 'key', { region, vaultPrefix }),
  }
}

/** In the region of the backup, its own. */
function idsHere({ region }: Pick<BackupPorts, 'region'>, document: VaultBackup): Ids {
  return document.region === region ? document.vault : newIds(region, document.vault)
}

function contextHere(ports: Pick<BackupPorts, 'region'>, document: VaultBackup): VaultContext {
  return vaultContext({ ...document.vault, id: idsHere(ports, document).id })
}

async function restoreKeys(
  { hsm }: BackupPorts,
  backup: Awaited<ReturnType<typeof backupKeys>>,
  document: VaultBackup,
  to: ReturnType<typeof vaultContext>,
): Promise<WrappedVaultKeys> {
  try {
    return await hsm.restoreVaultKeys(backup, vaultContext(document.vault), document.vaultKeys, to)
  } catch (cause) {
    // No partition is free, the token or the key service does not answer: that is nothing about the file.
    if (!isKmsError(cause, 'integrityFailure')) throw cause
    // What a caller brings is not this service's own data: a file that does not open is the caller's mistake.
    throw new KmsError('invalidParameter', damaged().message, { cause })
  }
}

function wrappingKeyWrites(keys: Vault['keys'], row: VaultRow, { wrappingKey }: VaultBackup): readonly Write[] {
  if (wrappingKey === null) return []
  const old = verifiedRow<WrappingKeyRow>(keys, 'vaultspan/wrapping-key-row/1', wrappingKey)
  if (old.id !== row.wrappingKeyId || old.vaultId !== row.id) throw damaged()
  const { epoch, revision, committedAt } = row
  const next = wrappingKeyWithMac(keys, { ...old, pk: row.id, sk: wrappingKeySk, epoch, revision, committedAt })
  return [{ op: 'put', table: 'Vaults', item: { ...next } }]
}
