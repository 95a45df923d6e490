import { applyRecords } from '../apply.ts'
import { onAuditHeads } from '../auditHeads.ts'
import { onBackupKeysBundle, onBackupKeysOffer } from '../tenancy/replicateBackupKeys.ts'
import { onCompare, workAdoption } from '../compare.ts'
import { retryIfChanged } from '../changedMeanwhile.ts'
import { sendOrPark } from '../lane/sendOrPark.ts'
import { parseTask, type Task } from './task.ts'
import { verifyMessage, type Envelope } from './signedMessage.ts'
import { noteMarks } from '../peerMarks.ts'
import { applyIdentity } from '../tenancy/replicateIdentity.ts'
import { onLinkBundle, onLinkRequest } from '../link/linkDestination.ts'
import { onPurge, purgeKeys } from '../link/purge.ts'
import { TransferRefused } from '../link/refusedTransfers.ts'
import { receiptBatch, type Receipt } from './receipts.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { parseJson } from '../../parseJson.ts'

/** What became of a message: done, or to be delivered again later because something before it is still under way. */
export type Delivered =
  | { readonly outcome: 'done' }
  | { readonly outcome: 'wait' }
  /** Keys on their way that this region does not take or give; it was told, and the message is not wanted again. */
  | { readonly outcome: 'refused'; readonly cause: TransferRefused }
  | { readonly outcome: 'failed'; readonly cause: unknown }

interface Worked {
  readonly delivered: Delivered
  readonly envelope?: Envelope
  readonly receipts?: readonly Receipt[]
}

/**
 * Works off a batch from the inbox. Poison blocks nobody: each message fails or succeeds by itself. All receipts for one
 * region and tenancy go back under one signature.
 */
export async function workInbox(ports: ReplicationPorts, messages: readonly string[]): Promise<readonly Delivered[]> {
  const worked = await workAll(ports, messages)
  await noteMarks(
    ports.tables,
    worked.flatMap(({ envelope }) => envelope ?? []),
  )
  const batches = new Map<string, { source: string; tenancyId: string; receipts: Receipt[] }>()
  for (const { envelope, receipts = [] } of worked) {
    if (envelope === undefined || receipts.length === 0) continue
    const { source, tenancyId } = envelope
    const batch = batches.get(`${source} ${tenancyId}`) ?? { source, tenancyId, receipts: [] }
    batch.receipts.push(...receipts)
    batches.set(`${source} ${tenancyId}`, batch)
  }
  for (const { source, tenancyId, receipts } of batches.values()) {
    for (let start = 0; start < receipts.length; start += maxReceipts) {
      const body = { kind: 'receipts', ...receiptBatch(receipts.slice(start, start + maxReceipts)) } as const
      await sendOrPark(ports, { region: source, queue: 'outcome', tenancyId }, body)
    }
  }
  return worked.map(({ delivered }) => delivered)
}

/**
 * All at once, but identity first and in its order: a revocation must not wait for a later delivery because the entry before
 * it came in the same batch.
 */
async function workAll(ports: ReplicationPorts, messages: readonly string[]): Promise<readonly Worked[]> {
  const places = messages.map((text) => ({ text, seq: identitySeq(text) }))
  const identity = places.filter(({ seq }) => seq !== undefined).sort((a, b) => (a.seq ?? 0) - (b.seq ?? 0))
  let before: Promise<unknown> = Promise.resolve()
  const inOrder = new Map<object, Promise<Worked>>()
  for (const place of identity) {
    const work = before.then(() => workMessage(ports, place.text))
    inOrder.set(place, work)
    before = work
  }
  return Promise.all(places.map((place) => inOrder.get(place) ?? workMessage(ports, place.text)))
}

/** The number of the first entry in a message of identity, which decides only what is worked first: nothing is verified yet. */
function identitySeq(text: string): number | undefined {
  if (!text.includes(identityBody)) return undefined
  try {
    const { body } = parseJson(text) as { body?: unknown }
    if (typeof body !== 'string' || !body.startsWith(identityBegin)) return undefined
    const { records } = parseJson(body) as { records?: readonly { entry?: { seq?: unknown } }[] }
    const seq = records?.[0]?.entry?.seq
    return typeof seq === 'number' ? seq : undefined
  } catch {
    return undefined
  }
}

const identityBegin = '{"kind":"identity"'
/** As it stands in the message: other messages need not be parsed to tell. */
const identityBody = JSON.stringify(identityBegin).slice(0, -1)

/** Keeps a message of receipts well below its size limit. */
const maxReceipts = 100

async function workMessage(ports: ReplicationPorts, text: string): Promise<Worked> {
  try {
    const task = parseTask(text)
    if (task !== undefined) {
      await workTask(ports, task)
      return done
    }
    const envelope = await verifyMessage(ports.hsm, text)
    return { envelope, ...(await retryIfChanged(ports, () => workEnvelope(ports, envelope))) }
  } catch (cause) {
    if (cause instanceof TransferRefused) return { delivered: { outcome: 'refused', cause } }
    ports.log.error('A message of the inbox failed.', cause)
    return { delivered: { outcome: 'failed', cause } }
  }
}

function workTask(ports: ReplicationPorts, task: Task): Promise<void> {
  if (task.task === 'purgeKeys') return purgeKeys(ports, task)
  if (task.task === 'adoptKeys') return workAdoption(ports, task)
  throw new Error(`A ${task.task} task does not belong in the inbox.`)
}

async function workEnvelope(ports: ReplicationPorts, envelope: Envelope): Promise<Worked> {
  const { body } = envelope
  switch (body.kind) {
    case 'records': {
      const applied = await applyRecords(ports, envelope, body)
      return applied === 'wait' ? waiting : { delivered: { outcome: 'done' }, envelope, receipts: applied }
    }
    case 'identity':
      return (await applyIdentity(ports, envelope, body)) === 'wait' ? waiting : done
    case 'linkRequest':
      return (await onLinkRequest(ports, envelope, body)) === 'wait' ? waiting : done
    case 'linkBundle':
      return (await onLinkBundle(ports, envelope, body)) === 'wait' ? waiting : done
    case 'backupKeysOffer':
      await onBackupKeysOffer(ports, envelope, body)
      return done
    case 'backupKeysBundle':
      await onBackupKeysBundle(ports, envelope, body)
      return done
    case 'compare':
      await onCompare(ports, envelope, body)
      return done
    case 'auditHeads':
      await onAuditHeads(ports, envelope, body)
      return done
    case 'purge':
      await onPurge(ports, envelope, body)
      return done
    default:
      throw new Error(`A ${body.kind} message does not belong in the inbox.`)
  }
}

const done: Worked = { delivered: { outcome: 'done' } }
const waiting: Worked = { delivered: { outcome: 'wait' } }
