import { KeptInToken, KmsError } from '../../errors.ts'
import type { TransportOffer } from '../../hsm/hsm.ts'
import type { Item } from '../../ports.ts'
import { putOver } from '../../kms/mutation.ts'
import type { VaultRow } from '../../kms/rows/rows.ts'
import { completeKey } from '../../kms/keys/completeKey.ts'
import { livingVaultKeys, type Vault } from '../../kms/vaultCache.ts'
import { nextVault } from '../../kms/vaults/vaults.ts'
import { treePage, treeStart, type TreePage, type TreePlace } from '../../kms/rows/digestTree.ts'
import { adoptKeys } from '../adoptKeys.ts'
import { clearAtRisk, clearRisksOf } from '../atRisk.ts'
import { ChangedMeanwhile } from '../changedMeanwhile.ts'
import { inLanes } from '../inLanes.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import { enqueue } from '../messages/send.ts'
import type { Task } from '../messages/task.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import { sendRecords } from '../handOff.ts'
import { endLinkOperation, noteKeeper } from './links.ts'
import { coveredOrder, receiptRow, type Receipt } from '../messages/receipts.ts'
import { keyRecords, vaultRecord, type KeyRecord } from '../messages/record.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { keptReason, tellingRefusals } from './refusedTransfers.ts'
import { transferContext } from './transferContext.ts'

/** What the primary does with its replica's answers, in the order they come. Each may come twice. */

/** The vault, where the answer belongs to its present link; undefined for an answer that comes too late. */
export async function linkedVault(
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
  // It was deleted before its replica was made: its keys are gone, and there is nothing to copy.
  if (row.lifecycleState === 'DELETED') return giveUpLink(ports, vault)
  const wrapped = await livingVaultKeys(ports.tables, row.id)
  if (wrapped === undefined) throw new ChangedMeanwhile(row.id)
  const { tenancyId, id, compartmentId, fence } = row
  const resource = { resourceId: id, resourceName: row.displayName, compartmentId }
  const transfer = { tenancyId, ...resource, fence, source: ports.region, destination: envelope.source }
  const bundle = await tellingRefusals(ports, transfer, async () => {
    await requireNotKept(ports, row, body.offer)
    return ports.hsm.exportVaultKeys(transferContext(row, envelope.source), wrapped, body.offer)
  })
  await noteKeeper(ports, row, body.offer)
  const to = { region: envelope.source, queue: 'inbox', tenancyId: row.tenancyId } as const
  await sendOrPark(ports, to, {
    kind: 'linkBundle',
    vaultId: row.id,
    fence: row.fence,
    bundle,
    vault: await vaultRecord(ports.tables, row),
  })
}

/** A setting that is turned on later sends nothing by itself that was refused before: who asked for the link was told no. @throws KeptInToken */
async function requireNotKept(ports: ReplicationPorts, row: VaultRow, { keeper }: TransportOffer): Promise<void> {
  if (keeper === 'token') return
  const reason = await keptReason(ports, row)
  if (reason !== undefined) throw new KeptInToken(reason)
}

/** The replica is taken away before it was there, by the same messages as one that is deleted. */
async function giveUpLink(ports: ReplicationPorts, vault: Vault): Promise<void> {
  const next = nextVault(ports, vault, { replicaStatus: 'DELETING', fence: vault.row.fence + 1 })
  const outcome = await ports.tables.write([putOver('Vaults', next, vault.row)])
  if (!outcome.ok) throw new ChangedMeanwhile(next.id)
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
    const outcome = await ports.tables.write([putOver('Vaults', next, vault.row)])
    if (!outcome.ok) throw new ChangedMeanwhile(next.id)
  }
  await copyKeys(ports, { task: 'copy', vaultId: vault.row.id, fence: vault.row.fence, ...treeStart })
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
  // Keys that 0.1.0 wrote: only what is in the vault's digests can be copied whole.
  if (!(await adoptKeys(ports, vault))) return enqueue(ports, 'outcome', task)
  const page = await treePage(ports.tables, task.vaultId, placeOf(task), pageSize)
  const records: KeyRecord[] = []
  for (const { sk } of page.entries) records.push(...(await uncoveredRecords(ports, vault, sk)))
  try {
    await sendRecords(ports, vault.row, peer, records)
  } catch (cause) {
    ports.log.warn('The initial copy waits: the replica cannot be reached.', {
      vault: task.vaultId,
      peer,
      cause: String(cause),
    })
    return enqueue(ports, 'outcome', task, retrySeconds)
  }
  if (page.next !== undefined) return enqueue(ports, 'outcome', { ...task, ...page.next })
  const start: ConfirmedRow = { ...confirmedKey(vault.row), ...treeStart }
  await ports.tables.write([{ op: 'put', table: 'Replication', item: start }])
  // What has no receipt by then is sent again; as a rule the receipts themselves end the copy before.
  if (!(await confirmCopy(ports, vault))) await enqueue(ports, 'outcome', { ...task, ...treeStart }, resendSeconds)
}

/** A task that 0.1.0 left counted in shards of the index: it begins anew. */
function placeOf({ leaf, after }: Partial<TreePlace>): TreePlace {
  return leaf === undefined ? treeStart : { leaf, after: after ?? null }
}

async function uncoveredRecords(ports: ReplicationPorts, vault: Vault, keyId: string): Promise<readonly KeyRecord[]> {
  const stored = await ports.cache.freshKey(vault.keys, keyId)
  if (stored === undefined || (await coveredOrder(ports.tables, vault, keyId)) !== null) return []
  const key = await completeKey(ports, vault, stored)
  return keyRecords(ports.tables, key, { whole: null })
}

/** How far the copy is confirmed; the row exists from the moment the last page was sent. */
interface ConfirmedRow extends Item {
  readonly leaf: number
  readonly after: string | null
}

function confirmedKey({ id, fence }: VaultRow): { pk: string; sk: string } {
  return { pk: `confirmed#${id}`, sk: String(fence).padStart(10, '0') }
}

/** CREATED once the replica has acknowledged every row of every key, those of the vault itself too. */
async function confirmCopy(ports: ReplicationPorts, vault: Vault): Promise<boolean> {
  const { pk, sk } = confirmedKey(vault.row)
  const stored = (await ports.tables.get('Replication', pk, sk)) as ConfirmedRow | undefined
  if (stored === undefined) return false
  const from = placeOf(stored)
  const missing = await firstWithoutReceipt(ports, vault, from)
  if (missing === undefined) {
    await endLinkOperation(ports, vault, { replicaStatus: 'CREATED' })
    return true
  }
  if (missing.leaf !== from.leaf || missing.after !== from.after) {
    await ports.tables.write([{ op: 'put', table: 'Replication', item: { pk, sk, ...missing } }])
  }
  return false
}

/** The page in which the first key without a receipt for all its rows lies, from a place on. */
async function firstWithoutReceipt(
  ports: ReplicationPorts,
  vault: Vault,
  from: TreePlace,
): Promise<TreePlace | undefined> {
  for (let place: TreePlace | undefined = from; place !== undefined;) {
    const page: TreePage = await treePage(ports.tables, vault.row.id, place, pageSize)
    const covered = await Promise.all(page.entries.map(({ sk }) => coveredOrder(ports.tables, vault, sk)))
    if (covered.includes(null)) return place
    place = page.next
  }
  return undefined
}

export async function onPurged(ports: ReplicationPorts, envelope: Envelope, body: BodyOf<'purged'>): Promise<void> {
  const vault = await linkedVault(ports, envelope, body)
  if (vault?.row.replicaStatus !== 'DELETING') return
  await clearRisksOf(ports.tables, envelope.source, vault.row.id)
  await endLinkOperation(ports, vault, { replicaRegion: null, replicaStatus: null })
}

/** Stores what the replica has; nothing in a vault's or key's own row changes. */
export async function onReceipts(ports: ReplicationPorts, envelope: Envelope, body: BodyOf<'receipts'>): Promise<void> {
  const copying = new Map<string, Vault>()
  const vaults = new Map<string, Promise<Vault | undefined>>()
  const keep = async ({ receipt, path }: (typeof body.receipts)[number]): Promise<void> => {
    // Those of 0.1.0 said how far a peer thought it was, not what it has.
    if (receipt.sequence === undefined) return
    const link = JSON.stringify([receipt.vaultId, receipt.fence])
    const reading = vaults.get(link) ?? linkedVault(ports, envelope, receipt)
    vaults.set(link, reading)
    const vault = await reading
    if (vault === undefined) return
    const isNews = await keepReceipt(ports, vault, envelope, receipt, path)
    await clearAtRisk(ports.tables, envelope.source, receipt.resourceId, receipt.covered)
    if (vault.row.replicaStatus === 'CREATING' && vault.row.handOffTo !== null) copying.set(vault.row.id, vault)
    // Only what is new at the replica is worth an answer: else two regions could go on for ever.
    if (isNews && receipt.isGap)
      await enqueue(ports, 'outbox', { task: 'resendKey', vaultId: receipt.vaultId, keyId: receipt.resourceId })
  }
  await inLanes(body.receipts, ({ receipt }) => receipt.resourceId, keep)
  for (const vault of copying.values()) await confirmCopy(ports, vault)
}

/** False where a later one is there already, or this one. */
async function keepReceipt(
  { tables, lag, clock }: ReplicationPorts,
  vault: Vault,
  { source, proof }: Envelope,
  receipt: Receipt,
  path: readonly string[],
): Promise<boolean> {
  const row = receiptRow(vault, source, receipt, { path, proof, now: clock() })
  const { epoch, revision } = row
  const condition = { kind: 'newer', epoch, revision } as const
  const { ok } = await tables.write([{ op: 'put', table: 'Replication', item: row, condition }])
  if (ok && !receipt.isGap) lag.record({ vaultId: receipt.vaultId, peer: source }, row.lagMs)
  return ok
}
