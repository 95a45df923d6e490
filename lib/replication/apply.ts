import type { VaultKeys } from '../hsm/hsm.ts'
import type { JsonObject } from '../canonicalJson.ts'
import { withoutKeks } from '../kms/schedule/destroy.ts'
import { KmsError } from '../errors.ts'
import { putOver } from '../kms/mutation.ts'
import { isAtLeast } from '../kms/rows/epoch.ts'
import type { Write } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'
import {
  keySk,
  versionSk,
  wrappingKeySk,
  type KeyRow,
  type KeyVersionRow,
  type VaultRow,
  type WrappingKeyRow,
} from '../kms/rows/rows.ts'
import { leafOf } from '../kms/rows/digestTree.ts'
import { vaultContext, verifiedRow } from '../kms/rows/rowMac.ts'
import { storingKeys } from '../kms/vaults/storingKeys.ts'
import { settlePartition } from '../kms/vaults/partition.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { ChangedMeanwhile } from './changedMeanwhile.ts'
import { inLanes } from './inLanes.ts'
import type { BodyOf, Envelope } from './messages/signedMessage.ts'
import { knownFence } from './link/fence.ts'
import type { Receipt } from './messages/receipts.ts'
import { orderOf, type KeyRecord, type OldKeyRecord, type RecordBody, type VaultRecord } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { placeMark, requestWrite, standsAsReplica, storeKey } from './storeKey.ts'

export type ApplyPorts = Pick<ReplicationPorts, 'tables' | 'cache' | 'hsm' | 'region' | 'log'>

/** `wait`: the records came before the vault's keys; deliver them again later. */
export type Applied = readonly Receipt[] | 'wait'

/**
 * Writes another region's records where they are newer than what is stored. Doing it twice or out of order changes
 * nothing; every delivery is answered with what is stored then.
 * @throws KmsError integrityFailure for rows that the vault's primary did not write.
 */
export async function applyRecords(ports: ApplyPorts, envelope: Envelope, body: BodyOf<'records'>): Promise<Applied> {
  const { vaultId, fence } = body
  const known = await knownFence(ports.tables, vaultId)
  if (known !== undefined && fence < known) {
    ports.log.info('Records of an earlier replica were dropped.', { vault: vaultId, fence, known })
    return []
  }
  const vault = await ports.cache.freshVault(vaultId)
  if (vault === undefined || vault.row.fence < fence) return 'wait'
  requireReplicaOf(ports, vault, envelope)
  return inLanes(body.records, laneOf, (record) => applyRecord(ports, vault, record))
}

/** Keys of one leaf of the vault's digests would only be in each other's way. */
function laneOf(record: RecordBody): string | number {
  if (record.format === 'vaultspan/vault-record/1') return 'vault'
  return leafOf(String(record.key['id']))
}

/** A region takes a vault's records only where its own row says replica, and only from the primary that row names. */
function requireReplicaOf({ region }: ApplyPorts, { row }: Vault, { source, tenancyId }: Envelope): void {
  if (row.primaryRegion === region || row.primaryRegion !== source || row.tenancyId !== tenancyId) {
    throw new KmsError('integrityFailure', `${source} does not write the vault ${row.id}.`)
  }
}

function applyRecord(ports: ApplyPorts, vault: Vault, record: RecordBody): Promise<Receipt> {
  if (record.format === 'vaultspan/vault-record/1') return applyVault(ports, vault, record)
  if (record.format !== 'vaultspan/key-record/1') requireFormat('A record', record, 'vaultspan/key-record/2')
  return applyKey(ports, vault, record)
}

async function applyVault(ports: ApplyPorts, vault: Vault, record: VaultRecord): Promise<Receipt> {
  const { vault: sent, request } = record
  const row = verifiedRow<VaultRow>(vault.keys, 'vaultspan/vault/1', sent)
  // A row under a valid MAC is the primary's own; one that would make this region the primary comes by promotion only.
  if (row.id !== vault.row.id || row.pk !== row.id || row.primaryRegion !== vault.row.primaryRegion) {
    throw new KmsError('integrityFailure', `A record does not belong to the vault ${vault.row.id}.`)
  }
  if (!isAtLeast(vault.row, row)) {
    // Not merely `newer`, which an absent row satisfies: a purge at the same time must not be undone.
    const isDestroyed = row.lifecycleState === 'DELETED' && vault.row.lifecycleState !== 'DELETED'
    await storingKeys(ports.hsm, async () =>
      writeNewer(ports, putOver('Vaults', row, vault.row), [
        // The primary's tombstone destroys here too, never this region's own clock.
        ...(isDestroyed ? await withoutKeks(ports, vault) : []),
        ...wrappingKeyWrite(vault.keys, row, record.wrappingKey),
        ...placeMark(vault, row.compartmentId, { table: 'Vaults', id: row.id }),
        ...(await requestWrite(ports.tables, request)),
      ]),
    )
  } else if (await lacksWrappingKey(ports, vault, record.wrappingKey)) {
    await writeNewer(ports, standsAsReplica(vault.row), wrappingKeyWrite(vault.keys, row, record.wrappingKey))
  }
  const stored = (await ports.cache.freshVault(row.id))?.row
  if (stored === undefined || !isAtLeast(stored, row)) throw new ChangedMeanwhile(row.id)
  if (stored.lifecycleState === 'DELETED') await settlePartition(ports, vaultContext(stored), 'isDeleted')
  return vaultReceipt(vault, stored, row.committedAt)
}

/** The vault's row may have come before without it. */
async function lacksWrappingKey({ tables }: ApplyPorts, { row }: Vault, sent: JsonObject | null): Promise<boolean> {
  if (sent === null) return false
  const stored = await tables.get('Vaults', row.id, wrappingKeySk)
  return stored?.['mac'] !== sent['mac']
}

/** The wrapping key's row as it came with its vault's. @throws KmsError integrityFailure where it is another vault's. */
export function wrappingKeyWrite(keys: VaultKeys, vault: VaultRow, sent: JsonObject | null): readonly Write[] {
  if (sent === null) return []
  const row = verifiedRow<WrappingKeyRow>(keys, 'vaultspan/wrapping-key-row/1', sent)
  if (row.vaultId !== vault.id || row.pk !== vault.id || row.id !== vault.wrappingKeyId) {
    throw new KmsError('integrityFailure', `A record does not belong to the vault ${vault.id}.`)
  }
  const { epoch, revision } = row
  return [{ op: 'put', table: 'Vaults', item: { ...row }, condition: { kind: 'newer', epoch, revision } }]
}

function vaultReceipt({ row }: Vault, stored: VaultRow, committedAt: number): Receipt {
  return {
    vaultId: row.id,
    resourceId: row.id,
    fence: row.fence,
    sequence: stored.revision,
    covered: orderOf(stored),
    digest: stored.mac,
    versions: null,
    committedAt,
    isGap: false,
  }
}

async function applyKey(ports: ApplyPorts, vault: Vault, record: KeyRecord | OldKeyRecord): Promise<Receipt> {
  const key = verifiedRow<KeyRow>(vault.keys, 'vaultspan/key-row/1', record.key)
  const versions = record.versions.map((row) =>
    verifiedRow<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', row),
  )
  const isOurs =
    key.vaultId === vault.row.id &&
    key.pk === key.id &&
    key.sk === keySk &&
    versions.every((version) => isVersionOf(key, version))
  if (!isOurs || !versions.some(({ id }) => id === key.currentKeyVersion)) {
    throw new KmsError('integrityFailure', `A record of the key ${key.id} is not whole.`)
  }
  const stored = await storeKey(ports, vault, { key, versions, request: record.request })
  return {
    vaultId: vault.row.id,
    resourceId: key.id,
    fence: vault.row.fence,
    sequence: stored.sequence,
    covered: stored.whole ?? { epoch: '', revision: 0 },
    digest: stored.key.mac,
    versions: stored.versions,
    committedAt: key.committedAt,
    // Of a key that 0.1.0 wrote nobody can tell: reconciliation gives it its digest.
    isGap:
      !stored.isWhole && stored.key.versionsDigest !== undefined && (record as Partial<KeyRecord>).isLast !== false,
  }
}

function isVersionOf(key: KeyRow, { keyId, pk, sk, materialId }: KeyVersionRow): boolean {
  return keyId === key.id && pk === key.id && sk === versionSk(materialId)
}

/** A put with its condition; others that turn out not to be newer are left out and the rest tried again. */
async function writeNewer(
  { tables }: Pick<ApplyPorts, 'tables'>,
  decisive: Write,
  others: readonly Write[],
): Promise<void> {
  for (let left = others; ;) {
    const outcome = await tables.write([decisive, ...left])
    if (outcome.ok || outcome.failed.includes(0)) return
    left = left.filter((_, index) => !outcome.failed.includes(index + 1))
  }
}
