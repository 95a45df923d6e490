import { KmsError } from '../../errors.ts'
import type { Item, Page } from '../../ports.ts'
import type { KeyRow, VaultRow } from '../../kms/rows/rows.ts'
import { isSettled, settleKey } from '../../kms/keys/settleKey.ts'
import { vaultKeysSk, type Vault, type VaultKeysRow } from '../../kms/vaults/vaultCache.ts'
import { nextVault } from '../../kms/vaults/vaults.ts'
import { keyListingPartition, listingShards } from '../../kms/rows/rows.ts'
import { clearAtRisk } from '../atRisk.ts'
import { ChangedMeanwhile } from '../changedMeanwhile.ts'
import { leave, sendOrStore, type Task } from '../messages/send.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import { sendRecords } from '../handOff.ts'
import { endLinkOperation } from './links.ts'
import { coveredOrder, receiptRow } from '../messages/receipts.ts'
import { keyRecords, vaultRecord, type KeyRecord } from '../messages/record.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { transferContext } from './transferContext.ts'

/** What the primary does with its replica's answers, in the order they come. Each may come twice. */

/** The vault, where the answer belongs to its present link; undefined for an answer that comes too late. */
async function linkedVault(
  ports: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { vaultId, fence }: { vaultId: string; fence: number },
): Promise<Vault | undefined> {
  const vault = await ports.cache.freshVault(vaultId)
  if (vault === undefined || vault.row.primaryRegion !== ports.region || vault.row.fence !== fence) return undefined
  // A second answer to the end of a link: it has no replica any more.
  if (vault.row.replicaRegion === null) return undefined
  if (vault.row.replicaRegion !== source || vault.row.tenancyId !== tenancyId) {
    throw new KmsError('integrityFailure', `${source} is not the replica of ${vaultId}.`)
  }
  return vault
}

/** The replica's HSM made a transport key: the vault's keys go to it, HSM to HSM. */
export async function onLinkOffer(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkOffer'>,
): Promise<void> {
  const vault = await linkedVault(ports, envelope, body)
  if (vault?.row.replicaStatus !== 'CREATING' || vault.row.handOffTo !== null) return
  const { row } = vault
  const stored = await ports.tables.get('Vaults', row.id, vaultKeysSk)
  if (stored === undefined) throw new KmsError('integrityFailure', `The keys of ${row.id} are missing.`)
  const { wrapped } = stored as unknown as VaultKeysRow
  const bundle = await ports.hsm.exportVaultKeys(transferContext(row, envelope.source), wrapped, body.offer)
  const to = { region: envelope.source, queue: 'inbox', tenancyId: row.tenancyId } as const
  await sendOrStore(ports, to, {
    kind: 'linkBundle',
    vaultId: row.id,
    fence: row.fence,
    bundle,
    vault: await vaultRecord(ports.tables, row),
  })
}

/** From here on every change is handed off before it is answered; only then does the copy of what was there before start. */
export async function onLinkAccepted(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'linkAccepted'>,
): Promise<void> {
  const vault = await linkedVault(ports, envelope, body)
  if (vault?.row.replicaStatus !== 'CREATING') return
  if (vault.row.handOffTo === null) {
    const next = nextVault(ports, vault, { handOffTo: envelope.source })
    const condition = { kind: 'revision', revision: vault.row.revision } as const
    const outcome = await ports.tables.write([{ op: 'put', table: 'Vaults', item: { ...next }, condition }])
    if (!outcome.ok) throw new ChangedMeanwhile(next.id)
  }
  await copyKeys(ports, { task: 'copy', vaultId: vault.row.id, fence: vault.row.fence, shard: 0, after: null })
}

const pageSize = 50
const retrySeconds = 1
const resendSeconds = 10

type CopyTask = Extract<Task, { task: 'copy' }>
async function copyingVault(ports: ReplicationPorts, { vaultId, fence }: CopyTask): Promise<Vault | undefined> {
  const vault = await ports.cache.freshVault(vaultId)
  return vault?.row.fence === fence && vault.row.handOffTo !== null && vault.row.replicaStatus === 'CREATING'
    ? vault
    : undefined
}

/** One page of the initial copy; where it stands is in the next message, so that it goes on after a crash. */
export async function copyKeys(ports: ReplicationPorts, task: CopyTask): Promise<void> {
  const vault = await copyingVault(ports, task)
  const peer = vault?.row.handOffTo
  if (vault === undefined || peer == null) return
  const page = await keyPage(ports, task.vaultId, task.shard, task.after)
  const records: KeyRecord[] = []
  for (const { pk } of page.items) records.push(...(await uncoveredRecords(ports, vault, pk)))
  try {
    await sendRecords(ports, vault.row, peer, records)
  } catch (cause) {
    ports.log.warn('The initial copy waits: the replica cannot be reached.', {
      vault: task.vaultId,
      peer,
      cause: String(cause),
    })
    return leave(ports, 'outcome', task, retrySeconds)
  }
  if (page.next !== undefined) return leave(ports, 'outcome', { ...task, after: page.next })
  if (task.shard + 1 < listingShards) return copyKeys(ports, { ...task, shard: task.shard + 1, after: null })
  const start: ConfirmedRow = { ...confirmedKey(vault.row), shard: 0, after: null }
  await ports.tables.write([{ op: 'put', table: 'Replication', item: start }])
  // What has no receipt by then is sent again; as a rule the receipts themselves end the copy before.
  if (!(await confirmCopy(ports, vault)))
    await leave(ports, 'outcome', { ...task, shard: 0, after: null }, resendSeconds)
}

async function uncoveredRecords(ports: ReplicationPorts, vault: Vault, keyId: string): Promise<readonly KeyRecord[]> {
  const stored = await ports.cache.freshKey(vault.keys, keyId)
  if (stored === undefined || (await coveredOrder(ports.tables, vault.row, keyId)) !== null) return []
  const key: KeyRow = isSettled(stored) ? stored : await settleKey(ports, vault, stored)
  return keyRecords(ports.tables, key, null)
}

/** How far the copy is confirmed; the row exists from the moment the last page was sent. */
interface ConfirmedRow extends Item {
  readonly shard: number
  readonly after: string | null
}

function confirmedKey({ id, fence }: VaultRow): { pk: string; sk: string } {
  return { pk: `confirmed#${id}`, sk: String(fence).padStart(10, '0') }
}

/** CREATED once the replica has acknowledged every key. */
async function confirmCopy(ports: ReplicationPorts, vault: Vault): Promise<boolean> {
  const { pk, sk } = confirmedKey(vault.row)
  const from = (await ports.tables.get('Replication', pk, sk)) as ConfirmedRow | undefined
  if (from === undefined) return false
  const missing = await firstWithoutReceipt(ports, vault.row, from)
  if (missing === undefined) {
    await endLinkOperation(ports, vault, { replicaStatus: 'CREATED' })
    return true
  }
  if (missing.shard !== from.shard || missing.after !== from.after) {
    await ports.tables.write([{ op: 'put', table: 'Replication', item: { pk, sk, ...missing } }])
  }
  return false
}

/** Where the first key without a receipt lies, from a place on. */
async function firstWithoutReceipt(
  ports: ReplicationPorts,
  row: VaultRow,
  from: { shard: number; after: string | null },
): Promise<{ shard: number; after: string | null } | undefined> {
  let { after } = from
  for (let { shard } = from; shard < listingShards; shard += 1, after = null) {
    for (;;) {
      const page = await keyPage(ports, row.id, shard, after)
      const covered = await Promise.all(page.items.map(({ pk }) => coveredOrder(ports.tables, row, pk)))
      if (covered.includes(null)) return { shard, after }
      if (page.next === undefined) break
      after = page.next
    }
  }
  return undefined
}

function keyPage({ tables }: ReplicationPorts, vaultId: string, shard: number, after: string | null): Promise<Page> {
  return tables.queryIndex('Keys', 'byTime', keyListingPartition(vaultId, shard), {
    limit: pageSize,
    ...(after === null ? {} : { after }),
  })
}

export async function onPurged(ports: ReplicationPorts, envelope: Envelope, body: BodyOf<'purged'>): Promise<void> {
  const vault = await linkedVault(ports, envelope, body)
  if (vault?.row.replicaStatus !== 'DELETING') return
  await endLinkOperation(ports, vault, { replicaRegion: null, replicaStatus: null })
}

/** Stores what the replica has; nothing in a vault's or key's own row changes. */
export async function onReceipts(ports: ReplicationPorts, envelope: Envelope, body: BodyOf<'receipts'>): Promise<void> {
  const now = ports.clock()
  const copying = new Map<string, Vault>()
  for (const { receipt, path } of body.receipts) {
    const vault = await linkedVault(ports, envelope, receipt)
    if (vault === undefined) continue
    const row = receiptRow(envelope.source, receipt, path, envelope.proof, now)
    // A replica made anew starts from nothing, so its first receipt may lie before the last one of its predecessor.
    const stored = await ports.tables.get('Replication', row.pk, row.sk)
    const isNewLink = stored !== undefined && stored['fence'] !== receipt.fence
    const condition = isNewLink
      ? ({ kind: 'fields', fields: { fence: Number(stored['fence']) } } as const)
      : ({ kind: 'newer', epoch: row.epoch, revision: row.revision } as const)
    await ports.tables.write([{ op: 'put', table: 'Replication', item: row, condition }])
    ports.lag.record(envelope.source, row.lagMs)
    await clearAtRisk(ports.tables, envelope.source, receipt.resourceId, receipt.covered)
    if (vault.row.replicaStatus === 'CREATING' && vault.row.handOffTo !== null) copying.set(vault.row.id, vault)
    if (receipt.isGap)
      await leave(ports, 'outbox', { task: 'resendKey', vaultId: receipt.vaultId, keyId: receipt.resourceId })
  }
  for (const vault of copying.values()) await confirmCopy(ports, vault)
}
