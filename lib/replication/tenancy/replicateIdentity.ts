import { storedBackupKeys } from '../../kms/backup/backupKeys.ts'
import { KmsError } from '../../errors.ts'
import { entryWrites, unsentPk } from '../../kms/identity/identityLog.ts'
import { headSeq, statementSk, verifyIdentity } from '../../kms/identity/verifyIdentity.ts'
import { identitySk, type LogEntry } from '../../kms/identity/identityRows.ts'
import { eachItem, eachPage } from '../../kms/rows/pages.ts'
import type { Item, PageRequest } from '../../ports.ts'
import { requireFormat } from '../../requireFormat.ts'
import { voteOnDeletions } from './compartmentVote.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import { enqueue, send } from '../messages/send.ts'
import type { BodyOf, Envelope } from '../messages/signedMessage.ts'
import type { IdentityRecord } from '../messages/record.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'

export function identityReceiptKey(tenancyId: string, peer: string): { pk: string; sk: string } {
  return { pk: `identityReceipt#${tenancyId}`, sk: peer }
}

const batchSize = 20

type SendPorts = Pick<
  ReplicationPorts,
  'tables' | 'queues' | 'hsm' | 'clock' | 'timers' | 'region' | 'log' | 'commitMark'
>

/** Sends a peer every entry it has not acknowledged, in order; resolves with how many. @throws where it cannot be reached. */
export async function sendIdentity(ports: SendPorts, tenancyId: string, peer: string): Promise<number> {
  let count = 0
  const { pk, sk } = identityReceiptKey(tenancyId, peer)
  const acknowledged = await ports.tables.get('Replication', pk, sk)
  const after = identitySk.log(acknowledged?.revision ?? 0)
  const read = (request: PageRequest) => ports.tables.query('Identity', tenancyId, 'log#', request)
  for await (const entries of eachPage(read, { limit: batchSize, after })) {
    const records = entries.map(identityRecord)
    if (records.length > 0)
      await send(ports, { region: peer, queue: 'inbox', tenancyId }, { kind: 'identity', records })
    count += records.length
  }
  return count
}

/** Sends what a peer has not acknowledged, for every tenancy of which there is something. */
export async function reconcileIdentity(ports: ReplicationPorts): Promise<void> {
  if (ports.region !== ports.homeRegion) return
  const read = (request: PageRequest) => ports.tables.query('Replication', unsentPk, '', request)
  for await (const { pk, sk: tenancyId, revision = 0 } of eachItem(read, { limit: 1000 })) {
    const peers = ports.regions.filter((region) => region !== ports.region)
    const behind = await Promise.all(peers.map((peer) => reconcilePeer(ports, tenancyId, peer, revision)))
    if (behind.includes(true)) continue
    const condition = { kind: 'revision', revision } as const
    await ports.tables.write([{ op: 'delete', table: 'Replication', pk, sk: tenancyId, condition }])
  }
}

/** True where the peer has not said that it has the entry. */
async function reconcilePeer(ports: ReplicationPorts, tenancyId: string, peer: string, seq: number): Promise<boolean> {
  const { pk, sk } = identityReceiptKey(tenancyId, peer)
  if (((await ports.tables.get('Replication', pk, sk))?.revision ?? 0) >= seq) return false
  try {
    await sendIdentity(ports, tenancyId, peer)
  } catch (cause) {
    ports.log.warn('A peer cannot be reached; its identity is reconciled later.', { peer, cause: String(cause) })
  }
  return true
}

function identityRecord(entry: Item): IdentityRecord {
  return { format: 'vaultspan/identity-record/1', entry }
}

/** Sends one entry again, also where the peer has it already: it repeats what it answered then. */
export async function resendEntry(
  ports: ReplicationPorts,
  tenancyId: string,
  seq: number,
  peer: string,
): Promise<void> {
  const entry = await ports.tables.get('Identity', tenancyId, identitySk.log(seq))
  if (entry === undefined) throw new KmsError('integrityFailure', `The identity entry ${seq} is missing.`)
  const to = { region: peer, queue: 'inbox', tenancyId } as const
  await sendOrPark(ports, to, { kind: 'identity', records: [identityRecord(entry)] })
}

/** Applies entries in their order. `wait`: one before them has not come yet. */
export async function applyIdentity(
  ports: ReplicationPorts,
  envelope: Envelope,
  body: BodyOf<'identity'>,
): Promise<'wait' | undefined> {
  const { tenancyId, source } = envelope
  if (source !== ports.homeRegion) throw new KmsError('integrityFailure', `${source} is not the home region.`)
  await storeStatement(ports, envelope)
  for (const record of body.records) {
    requireFormat('An identity record', record, 'vaultspan/identity-record/1')
    const { entry: stored } = record
    const sk = identitySk.log(Number(stored['seq']))
    const entry = await verifyIdentity<LogEntry>(ports, { pk: tenancyId, sk, kind: 'entry' }, stored as Item)
    if ((await applyEntry(ports, tenancyId, entry)) === 'wait') return 'wait'
    await voteOnDeletions(ports, envelope, entry)
  }
  // A region must be able to open backups before it loses the home region.
  if (ports.preparesKeys && (await storedBackupKeys(ports, tenancyId)) === undefined)
    await enqueue(ports, 'outbox', { task: 'wantBackupKeys', tenancyId })
  const seq = await headSeq(ports, tenancyId)
  // Not only when it is read next: what was applied must not be taken back in between.
  ports.hsm.advanceIdentityHead(tenancyId, seq)
  await sendOrPark(ports, { region: source, queue: 'outcome', tenancyId }, { kind: 'identityReceipt', seq })
  return undefined
}

async function applyEntry(ports: ReplicationPorts, tenancyId: string, entry: LogEntry): Promise<'wait' | undefined> {
  const head = await headSeq(ports, tenancyId)
  if (entry.seq <= head) return undefined
  if (entry.puts.some(({ pk }) => pk !== tenancyId))
    throw new KmsError('integrityFailure', `The identity entry ${entry.seq} writes to another tenancy.`)
  for (const row of entry.puts) requireFormat(`The identity row ${row.sk}`, row, 'vaultspan/identity-row/1')
  if (entry.seq > head + 1) {
    ports.log.warn('An identity entry waits for one before it.', { tenancy: tenancyId, seq: entry.seq, head })
    return 'wait'
  }
  const outcome = await ports.tables.write(entryWrites(entry, head))
  return !outcome.ok && (await headSeq(ports, tenancyId)) < entry.seq ? 'wait' : undefined
}

/** The home region's statement came in an envelope that was verified against the pinned root. */
async function storeStatement({ tables }: ReplicationPorts, { tenancyId, proof }: Envelope): Promise<void> {
  if ((await tables.get('Identity', tenancyId, statementSk)) !== undefined) return
  const item: Item = { pk: tenancyId, sk: statementSk, statement: proof['statement'] }
  await tables.write([{ op: 'put', table: 'Identity', item, condition: { kind: 'absent' } }])
}

export async function onIdentityReceipt(
  { tables }: ReplicationPorts,
  { source, tenancyId }: Envelope,
  { seq }: BodyOf<'identityReceipt'>,
): Promise<void> {
  const item: Item = { ...identityReceiptKey(tenancyId, source), epoch: '', revision: seq }
  await tables.write([
    { op: 'put', table: 'Replication', item, condition: { kind: 'newer', epoch: '', revision: seq } },
  ])
}
