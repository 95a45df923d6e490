import type { AttributeValue, DynamoDBRecord, DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { canonicalJson } from '../../lib/canonicalJson.ts'
import { isKmsError } from '../../lib/errors.ts'
import { meterVersion, type MeteredVersion } from '../../lib/kms/usage/metering.ts'
import { buryChange } from '../../lib/replication/deadChanges.ts'
import { enqueue } from '../../lib/replication/messages/send.ts'
import { parseTask, type Task } from '../../lib/replication/messages/task.ts'
import { fanOut, type Changed, type ReadVault } from '../../lib/replication/fanOut.ts'
import { resendWaiting, workOutbox } from '../../lib/replication/outbox.ts'
import { redriveChanges } from '../../lib/replication/redriveChanges.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'
import { batchFunction, failedOf, type BatchFailures } from './batchFailures.ts'

/** What the streams tell, left in the outbox. */
type ChangeTask = Extract<Task, { task: 'fanOut' | 'meterVersion' }>

/** What an operator invokes the function with: dead changes are worked again (docs/operating.md). */
interface RedriveEvent {
  readonly redrive: 'stream'
}

export type FanOutFunction = (event: DynamoDBStreamEvent | SQSEvent | RedriveEvent) => Promise<BatchFailures>

const maxRedriven = 1000

/** Called by the tables' streams with what changed, and by the outbox with what a peer could not be given before. */
export function fanOutFunction(ports: ReplicationPorts): FanOutFunction {
  return batchFunction(async (event: DynamoDBStreamEvent | SQSEvent | RedriveEvent) => {
    if ('redrive' in event) {
      await redriveChanges(ports, maxRedriven)
      return []
    }
    const [first] = event.Records
    if (first === undefined) return []
    return 'dynamodb' in first ? fanOutStream(ports, event) : workMessages(ports, event as SQSEvent)
  })
}

async function fanOutStream(ports: ReplicationPorts, event: DynamoDBStreamEvent): Promise<readonly string[]> {
  const readVault = vaultReader(ports)
  const failures = await Promise.all([sendChanged(ports, event, readVault), meterVersions(ports, event, readVault)])
  return failures.flat()
}

/**
 * Reads each vault once.
 * INVARIANT: made when the changes are there, so that what it reads is no older than any of them.
 */
function vaultReader({ cache }: Pick<ReplicationPorts, 'cache'>): ReadVault {
  const vaults = new Map<string, ReturnType<ReadVault>>()
  return (vaultId) => {
    const vault = vaults.get(vaultId) ?? cache.freshVault(vaultId)
    vaults.set(vaultId, vault)
    return vault
  }
}

/** Every key version counts in every region that has it. Of several changes in a batch the last one tells. */
async function meterVersions(
  ports: ReplicationPorts,
  { Records }: DynamoDBStreamEvent,
  readVault: ReadVault,
): Promise<readonly string[]> {
  const versions = new Map<string, { version: MeteredVersion; itemIdentifier: string }>()
  for (const record of Records) {
    const text = textsOf(record.dynamodb?.NewImage)
    if (text?.('format') !== 'vaultspan/key-version-row/1') continue
    const version = meteredVersion(text)
    versions.set(version.id, { version, itemIdentifier: record.dynamodb?.SequenceNumber ?? '' })
  }
  return failedOf(
    versions.values(),
    ({ version }) => orLater(ports, { task: 'meterVersion', version }, () => meter(ports, version, readVault)),
    (cause) => {
      ports.log.error('A key version could not be metered.', cause)
    },
  )
}

/**
 * What fails is left in the outbox: a stream goes on only behind what is done, so one tenant's broken row would hold up all
 * others' changes.
 */
async function orLater(ports: ReplicationPorts, task: ChangeTask, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (cause) {
    ports.log.error('A change could not be worked; it waits in the outbox.', cause, { task: task.task })
    await enqueue(ports, 'outbox', task)
  }
}

function meteredVersion(text: Texts): MeteredVersion {
  const [id, keyId, vaultId] = [text('id'), text('keyId'), text('vaultId')]
  return { id, keyId, vaultId, timeCreated: text('timeCreated'), isDeleted: text('lifecycleState') === 'DELETED' }
}

async function meter(
  { tables, region, clock }: ReplicationPorts,
  version: MeteredVersion,
  readVault: ReadVault,
): Promise<void> {
  const row = (await readVault(version.vaultId))?.row
  // A replica that is gone by now was metered when it was purged.
  if (row === undefined) return
  const isPrimary = row.primaryRegion === region
  await meterVersion(tables, version, { tenancyId: row.tenancyId, isPrimary, now: clock() })
}

async function sendChanged(
  ports: ReplicationPorts,
  { Records }: DynamoDBStreamEvent,
  readVault: ReadVault,
): Promise<readonly string[]> {
  // A batch that touches a key five times sends it once, as it is now.
  const resources = new Map<string, { changed: Changed; itemIdentifier: string }>()
  for (const record of Records) {
    const changed = changedBy(record)
    if (changed === undefined) continue
    const name = JSON.stringify(changed)
    if (!resources.has(name)) resources.set(name, { changed, itemIdentifier: record.dynamodb?.SequenceNumber ?? '' })
  }
  return failedOf(
    resources.values(),
    ({ changed }) => orLater(ports, { task: 'fanOut', changed }, () => fanOut(ports, changed, readVault)),
    (cause) => {
      ports.log.error('A change could not be sent.', cause)
    },
  )
}

/** What a stream record says has changed; undefined for rows that do not replicate. */
function changedBy({ dynamodb }: DynamoDBRecord): Changed | undefined {
  const text = textsOf(dynamodb?.NewImage)
  return text === undefined ? undefined : changedIn.get(text('format'))?.(text)
}

type Texts = (name: string) => string

/** The members of a row that are texts; all else is read again from the table. */
function textsOf(image: Record<string, AttributeValue> | undefined): Texts | undefined {
  return image === undefined ? undefined : (name) => image[name]?.S ?? ''
}

/** By the format of its row. */
const changedIn = new Map<string, (text: Texts) => Changed | undefined>([
  ['vaultspan/vault/1', (text) => ({ kind: 'vault', vaultId: text('id') })],
  ['vaultspan/key-row/1', (text) => ({ kind: 'key', vaultId: text('vaultId'), keyId: text('id') })],
  ['vaultspan/identity-row/1', compartmentDeletion],
  ['vaultspan/identity-entry/1', (text) => ({ kind: 'identity', tenancyId: text('pk') })],
])

function compartmentDeletion(text: Texts): Changed | undefined {
  if (text('kind') !== 'compartment' || text('lifecycleState') !== 'DELETING') return undefined
  return { kind: 'compartmentDeletion', tenancyId: text('pk'), compartmentId: text('id') }
}

async function workMessages(ports: ReplicationPorts, { Records }: SQSEvent): Promise<readonly string[]> {
  const report = (cause: unknown) => {
    ports.log.info('A message stays in the outbox.', { cause: String(cause) })
  }
  const keysOf = new Map<string, WaitingKey[]>()
  const others: OutboxEntry[] = []
  for (const { messageId: itemIdentifier, body, attributes } of Records) {
    const entry = { itemIdentifier, body, tries: Number(attributes.ApproximateReceiveCount) }
    const task = taskIn(entry)
    if (task?.task !== 'resendKey') others.push(entry)
    else keysOf.set(task.vaultId, [...(keysOf.get(task.vaultId) ?? []), { itemIdentifier, keyId: task.keyId }])
  }
  const failed = await Promise.all([
    failedOf(others, (entry) => workEntry(ports, entry), report),
    ...[...keysOf].map(([vaultId, waiting]) => resendKeys(ports, vaultId, waiting, report)),
  ])
  return failed.flat()
}

interface OutboxEntry {
  readonly itemIdentifier: string
  readonly body: string
  readonly tries: number
}

interface WaitingKey {
  readonly itemIdentifier: string
  readonly keyId: string
}

/** Undefined: it is none, which fails it when it is worked. */
function taskIn({ body }: OutboxEntry): Task | undefined {
  try {
    return parseTask(body)
  } catch {
    return undefined
  }
}

async function workEntry(ports: ReplicationPorts, entry: OutboxEntry): Promise<void> {
  const task = taskIn(entry)
  if (task === undefined) throw new Error('The outbox holds tasks only.')
  return task.task === 'fanOut' || task.task === 'meterVersion'
    ? workChange(ports, task, entry.tries)
    : workOutbox(ports, task)
}

/** Keys of one vault go together. */
async function resendKeys(
  ports: ReplicationPorts,
  vaultId: string,
  waiting: readonly WaitingKey[],
  report: (cause: unknown) => void,
): Promise<readonly string[]> {
  const keyIds = [...new Set(waiting.map(({ keyId }) => keyId))]
  const [outcome] = await Promise.allSettled([resendWaiting(ports, vaultId, keyIds)])
  const failed = new Set(
    keyIds.filter((_, index) => outcome.status === 'rejected' || outcome.value[index]?.status === 'rejected'),
  )
  const causes = outcome.status === 'rejected' ? [outcome] : outcome.value
  for (const each of causes) if (each.status === 'rejected') report(each.reason)
  return waiting.flatMap(({ itemIdentifier, keyId }) => (failed.has(keyId) ? [itemIdentifier] : []))
}

/** A row that does not verify will not verify later either; whatever else is in the way may pass. */
const maxTriesOfBroken = 5

async function workChange(ports: ReplicationPorts, task: ChangeTask, tries: number): Promise<void> {
  try {
    await (task.task === 'fanOut' ? fanOut(ports, task.changed) : meter(ports, task.version, vaultReader(ports)))
  } catch (cause) {
    if (!isKmsError(cause, 'integrityFailure') || tries < maxTriesOfBroken) throw cause
    const change = { ...(task.task === 'fanOut' ? task.changed : task.version) }
    await buryChange(ports.tables, canonicalJson(change), change, cause)
    ports.log.error('A change became a dead letter.', cause, { task: task.task })
  }
}
