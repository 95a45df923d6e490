import { contentMark, type Contained } from '../kms/identity/compartmentContents.ts'
import type { VaultKeys } from '../hsm/hsm.ts'
import type { JsonObject } from '../canonicalJson.ts'
import { withoutKeks } from '../kms/schedule/destroy.ts'
import { KmsError } from '../errors.ts'
import { isAtLeast, type Order } from '../kms/rows/epoch.ts'
import type { Write } from '../ports.ts'
import { requireFormat } from '../requireFormat.ts'
import type { KeyRow, KeyVersionRow, VaultRow, WrappingKeyRow } from '../kms/rows/rows.ts'
import { openRow } from '../kms/rows/rowMac.ts'
import type { Vault } from '../kms/vaults/vaultCache.ts'
import { ChangedMeanwhile } from './changedMeanwhile.ts'
import type { BodyOf, Envelope } from './messages/signedMessage.ts'
import { knownFence } from './link/fence.ts'
import type { Receipt } from './messages/receipts.ts'
import { orderOf, type KeyRecord, type VaultRecord } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

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
  const receipts: Receipt[] = []
  for (const record of body.records) receipts.push(await applyRecord(ports, vault, record))
  return receipts
}

/** A region takes a vault's records only where its own row says replica, and only from the primary that row names. */
function requireReplicaOf({ region }: ApplyPorts, { row }: Vault, { source, tenancyId }: Envelope): void {
  if (row.primaryRegion === region || row.primaryRegion !== source || row.tenancyId !== tenancyId) {
    throw new KmsError('integrityFailure', `${source} does not write the vault ${row.id}.`)
  }
}

function applyRecord(ports: ApplyPorts, vault: Vault, record: KeyRecord | VaultRecord): Promise<Receipt> {
  if (record.format === 'vaultspan/vault-record/1') return applyVault(ports, vault, record)
  requireFormat('A record', record, 'vaultspan/key-record/1')
  return applyKey(ports, vault, record)
}

async function applyVault(ports: ApplyPorts, vault: Vault, record: VaultRecord): Promise<Receipt> {
  const { vault: sent, request } = record
  const row = openRow<VaultRow>(vault.keys, 'vaultspan/vault/1', sent)
  // A row under a valid MAC is the primary's own; one that would make this region the primary comes by promotion only.
  if (row.id !== vault.row.id || row.pk !== row.id || row.primaryRegion !== vault.row.primaryRegion) {
    throw new KmsError('integrityFailure', `A record does not belong to the vault ${vault.row.id}.`)
  }
  if (!isAtLeast(vault.row, row)) {
    // Not merely `newer`, which an absent row satisfies: a purge at the same time must not be undone.
    const condition = { kind: 'revision', revision: vault.row.revision } as const
    const isDestroyed = row.lifecycleState === 'DELETED' && vault.row.lifecycleState !== 'DELETED'
    await writeNewer(ports, { op: 'put', table: 'Vaults', item: { ...row }, condition }, [
      // The primary's tombstone destroys here too, never this region's own clock.
      ...(isDestroyed ? await withoutKeks(ports, vault) : []),
      ...wrappingKeyWrite(vault.keys, row, record.wrappingKey),
      ...markWrite(vault, row.compartmentId, { table: 'Vaults', id: row.id }),
      ...requestWrite(request),
    ])
  }
  const stored = (await ports.cache.freshVault(row.id))?.row
  if (stored === undefined || !isAtLeast(stored, row)) throw new ChangedMeanwhile(row.id)
  return receipt(vault, row.id, orderOf(stored), stored.mac, row.committedAt, false)
}

/** The wrapping key's row as it came with its vault's. @throws KmsError integrityFailure where it is another vault's. */
export function wrappingKeyWrite(keys: VaultKeys, vault: VaultRow, sent: JsonObject | null): readonly Write[] {
  if (sent === null) return []
  const row = openRow<WrappingKeyRow>(keys, 'vaultspan/wrapping-key-row/1', sent)
  if (row.vaultId !== vault.id || row.pk !== vault.id || row.id !== vault.wrappingKeyId) {
    throw new KmsError('integrityFailure', `A record does not belong to the vault ${vault.id}.`)
  }
  const { epoch, revision } = row
  return [{ op: 'put', table: 'Vaults', item: { ...row }, condition: { kind: 'newer', epoch, revision } }]
}

async function applyKey(ports: ApplyPorts, vault: Vault, record: KeyRecord): Promise<Receipt> {
  const key = openRow<KeyRow>(vault.keys, 'vaultspan/key-row/1', record.key)
  const versions = record.versions.map((row) => openRow<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', row))
  const isOurs =
    key.vaultId === vault.row.id &&
    key.pk === key.id &&
    versions.every(({ keyId, pk }) => keyId === key.id && pk === key.id)
  if (!isOurs || !versions.some(({ id }) => id === key.currentKeyVersion)) {
    throw new KmsError('integrityFailure', `A record of the key ${key.id} is not whole.`)
  }
  const before = await coverage(ports, key.id)
  const joins = record.from === null || isAtLeast(before, record.from)
  const covered = joins && !isAtLeast(before, record.to) ? record.to : undefined
  const isWritten = await writeNewer(ports, standsAsReplica(vault.row), [
    put(key),
    ...versions.map(put),
    ...markWrite(vault, key.compartmentId, { table: 'Keys', id: key.id }),
    ...requestWrite(record.request),
    ...(covered === undefined ? [] : [coverageWrite(key.id, covered)]),
  ])
  if (!isWritten) throw new ChangedMeanwhile(vault.row.id)
  const [stored, reached] = await Promise.all([ports.cache.freshKey(vault.keys, key.id), coverage(ports, key.id)])
  return receipt(vault, key.id, reached ?? { epoch: '', revision: 0 }, stored?.mac ?? '', key.committedAt, !joins)
}

function receipt(
  { row }: Vault,
  resourceId: string,
  covered: Order,
  digest: string,
  committedAt: number,
  isGap: boolean,
): Receipt {
  return { vaultId: row.id, resourceId, fence: row.fence, covered, digest, committedAt, isGap }
}

function put(row: KeyRow | KeyVersionRow): Write {
  const { epoch, revision } = row
  return { op: 'put', table: 'Keys', item: { ...row }, condition: { kind: 'newer', epoch, revision } }
}

/** A promoted replica honours the retry tokens of the region it replaces. */
function requestWrite(request: KeyRecord['request']): readonly Write[] {
  return request === null ? [] : [{ op: 'put', table: 'Requests', item: request, condition: { kind: 'absent' } }]
}

/** A compartment is not empty either where only a replica has something in it. */
function markWrite({ row }: Vault, compartmentId: string, contained: Contained): readonly Write[] {
  return contentMark(row.tenancyId, compartmentId, contained).map((mark) => ({
    ...mark,
    condition: { kind: 'absent' },
  }))
}

/** The vault is still this replica: a purge that runs at the same time loses nothing to a late record. */
function standsAsReplica({ pk, sk, primaryRegion, fence }: VaultRow): Write {
  return { op: 'check', table: 'Vaults', pk, sk, condition: { kind: 'fields', fields: { primaryRegion, fence } } }
}

const coverageSk = 'covered'

function coveragePk(keyId: string): string {
  return `covered#${keyId}`
}

/** How far this region has a key without a gap. */
export async function coverage({ tables }: Pick<ApplyPorts, 'tables'>, keyId: string): Promise<Order | undefined> {
  const row = await tables.get('Replication', coveragePk(keyId), coverageSk)
  return row?.epoch === undefined || row.revision === undefined
    ? undefined
    : { epoch: row.epoch, revision: row.revision }
}

function coverageWrite(keyId: string, { epoch, revision }: Order): Write {
  const item = { pk: coveragePk(keyId), sk: coverageSk, epoch, revision }
  return { op: 'put', table: 'Replication', item, condition: { kind: 'newer', epoch, revision } }
}

export function coverageDelete(keyId: string): Write {
  return { op: 'delete', table: 'Replication', pk: coveragePk(keyId), sk: coverageSk }
}

/**
 * One transaction; what turns out not to be newer is left out and the rest tried again. `decisive` is never left out:
 * false, and nothing is written, where it fails.
 */
async function writeNewer(
  { tables }: Pick<ApplyPorts, 'tables'>,
  decisive: Write,
  others: readonly Write[],
): Promise<boolean> {
  for (let left = others; decisive.op !== 'check' || left.length > 0;) {
    const outcome = await tables.write([decisive, ...left])
    if (outcome.ok) return true
    if (outcome.failed.includes(0)) return false
    left = left.filter((_, index) => !outcome.failed.includes(index + 1))
  }
  return true
}
