import type { DynamoDBRecord, DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { parseTask } from '../../lib/replication/deliver.ts'
import { fanOut, workOutbox, type Changed } from '../../lib/replication/fanOut.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'
import { failing, type BatchFailures } from './batchFailures.ts'

export type FanOutFunction = (event: DynamoDBStreamEvent | SQSEvent) => Promise<BatchFailures>

/** Called by the tables' streams with what changed, and by the outbox with what a peer could not be given before. */
export function fanOutFunction(ports: ReplicationPorts): FanOutFunction {
  return async (event) => {
    const [first] = event.Records
    if (first === undefined) return { batchItemFailures: [] }
    return 'dynamodb' in first ? fanOutStream(ports, event) : workMessages(ports, event as SQSEvent)
  }
}

async function fanOutStream(ports: ReplicationPorts, { Records }: DynamoDBStreamEvent): Promise<BatchFailures> {
  // A batch that touches a key five times sends it once, as it is now.
  const resources = new Map<string, { changed: Changed; sequenceNumbers: string[] }>()
  for (const record of Records) {
    const changed = changedBy(record)
    if (changed === undefined) continue
    const name = JSON.stringify(changed)
    const known = resources.get(name) ?? { changed, sequenceNumbers: [] }
    known.sequenceNumbers.push(record.dynamodb?.SequenceNumber ?? '')
    resources.set(name, known)
  }
  const failures = await Promise.all(
    [...resources.values()].map(async ({ changed, sequenceNumbers }) => {
      try {
        await fanOut(ports, changed)
        return []
      } catch (cause) {
        ports.log.error('A change could not be sent.', cause)
        return sequenceNumbers.slice(0, 1)
      }
    }),
  )
  return failing(failures.flat())
}

/** What a stream record says has changed; undefined for rows that do not replicate. */
function changedBy({ dynamodb }: DynamoDBRecord): Changed | undefined {
  const image = dynamodb?.NewImage
  if (image === undefined) return undefined
  const text = (name: string) => image[name]?.S ?? ''
  return changedIn.get(text('format'))?.(text)
}

/** By the format of its row. All else is read again from the table. */
const changedIn = new Map<string, (text: (name: string) => string) => Changed>([
  ['vaultspan/vault/1', (text) => ({ kind: 'vault', vaultId: text('id') })],
  ['vaultspan/key-row/1', (text) => ({ kind: 'key', vaultId: text('vaultId'), keyId: text('id') })],
  ['vaultspan/identity-entry/1', (text) => ({ kind: 'identity', tenancyId: text('pk') })],
])

async function workMessages(ports: ReplicationPorts, { Records }: SQSEvent): Promise<BatchFailures> {
  const failed = await Promise.all(
    Records.map(async ({ messageId, body }) => {
      try {
        const task = parseTask(body)
        if (task === undefined) throw new Error('The outbox holds tasks only.')
        await workOutbox(ports, task)
        return []
      } catch (cause) {
        ports.log.info('A message stays in the outbox.', { cause: String(cause) })
        return [messageId]
      }
    }),
  )
  return failing(failed.flat())
}
