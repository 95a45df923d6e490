import type { AttributeValue, DynamoDBRecord, DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { meterVersion, type MeteredVersion } from '../../lib/kms/usage/metering.ts'
import { parseTask } from '../../lib/replication/messages/send.ts'
import { fanOut, workOutbox, type Changed } from '../../lib/replication/fanOut.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'
import { failedOf, failing, type BatchFailures } from './batchFailures.ts'

export type FanOutFunction = (event: DynamoDBStreamEvent | SQSEvent) => Promise<BatchFailures>

/** Called by the tables' streams with what changed, and by the outbox with what a peer could not be given before. */
export function fanOutFunction(ports: ReplicationPorts): FanOutFunction {
  return async (event) => {
    const [first] = event.Records
    if (first === undefined) return { batchItemFailures: [] }
    return 'dynamodb' in first ? fanOutStream(ports, event) : workMessages(ports, event as SQSEvent)
  }
}

async function fanOutStream(ports: ReplicationPorts, event: DynamoDBStreamEvent): Promise<BatchFailures> {
  const failures = await Promise.all([sendChanged(ports, event), meterVersions(ports, event)])
  return failing(failures.flat())
}

/** Every key version counts in every region that has it. Of several changes in a batch the last one tells. */
async function meterVersions(ports: ReplicationPorts, { Records }: DynamoDBStreamEvent): Promise<readonly string[]> {
  const versions = new Map<string, { version: MeteredVersion; itemIdentifier: string }>()
  for (const record of Records) {
    const text = textsOf(record.dynamodb?.NewImage)
    if (text?.('format') !== 'vaultspan/key-version-row/1') continue
    const version = meteredVersion(text)
    versions.set(version.id, { version, itemIdentifier: record.dynamodb?.SequenceNumber ?? '' })
  }
  return failedOf(
    versions.values(),
    ({ version }) => meter(ports, version),
    (cause) => {
      ports.log.error('A key version could not be metered.', cause)
    },
  )
}

function meteredVersion(text: Texts): MeteredVersion {
  const [id, keyId, vaultId] = [text('id'), text('keyId'), text('vaultId')]
  return { id, keyId, vaultId, timeCreated: text('timeCreated'), isDeleted: text('lifecycleState') === 'DELETED' }
}

async function meter({ cache, tables, region, clock }: ReplicationPorts, version: MeteredVersion): Promise<void> {
  const row = (await cache.freshVault(version.vaultId))?.row
  // A replica that is gone by now was metered when it was purged.
  if (row === undefined) return
  const isPrimary = row.primaryRegion === region
  await meterVersion(tables, version, { tenancyId: row.tenancyId, isPrimary, now: clock() })
}

async function sendChanged(ports: ReplicationPorts, { Records }: DynamoDBStreamEvent): Promise<readonly string[]> {
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
    ({ changed }) => fanOut(ports, changed),
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

async function workMessages(ports: ReplicationPorts, { Records }: SQSEvent): Promise<BatchFailures> {
  const failed = await failedOf(
    Records.map(({ messageId: itemIdentifier, body }) => ({ itemIdentifier, body })),
    ({ body }) => {
      const task = parseTask(body)
      if (task === undefined) throw new Error('The outbox holds tasks only.')
      return workOutbox(ports, task)
    },
    (cause) => {
      ports.log.info('A message stays in the outbox.', { cause: String(cause) })
    },
  )
  return failing(failed)
}
