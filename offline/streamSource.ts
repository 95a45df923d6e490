import type { SQSClient } from '@aws-sdk/client-sqs'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import type { _Record } from '@aws-sdk/client-dynamodb-streams'
import type { DynamoDBRecord } from 'aws-lambda'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import { grownMs } from '../lib/backOff.ts'
import { StreamMapping, type Stream } from '../local/pumps/streamMapping.ts'
import type { EventSource } from './regionStack.ts'
import type { StreamReader } from './streamReader.ts'

export interface StreamSourcePorts {
  readonly reader: Pick<StreamReader, 'read'>
  readonly invoke: (functionName: string, event: object) => Promise<BatchFailures>
  readonly sqs: Pick<SQSClient, 'send'>
  readonly onError: (cause: unknown) => void
}

const idleMs = 400

/** The event source mapping of a table's stream. A step is one batch, and resolves with the wait before the next one, ms. */
export function streamSource(source: EventSource, ports: StreamSourcePorts): () => Promise<number> {
  const { functionName, batchSize, maxRetries } = source
  const mapping = new StreamMapping<_Record>({
    stream: streamOf(source, ports),
    // The SDK and the event name the same record by different types.
    toRecord: (record) => record as DynamoDBRecord,
    invoke: (event) => ports.invoke(functionName, event),
    batchSize,
    maxTries: maxRetries + 1,
    retryMs: (tries) => grownMs({ firstMs: 200, maxMs: 5_000 }, tries),
    onError: ports.onError,
  })
  return async () => (await mapping.step()) ?? idleMs
}

/** What was read and is not done yet waits here: a stream gives each record once. */
function streamOf(source: EventSource, { reader, sqs, onError }: StreamSourcePorts): Stream<_Record> {
  let waiting: readonly _Record[] = []
  return {
    read: async (limit) => {
      if (waiting.length === 0) waiting = await reader.read()
      return waiting.slice(0, limit)
    },
    done: async (records) => {
      waiting = waiting.slice(records.length)
    },
    /** As AWS does: not the record but where it stands. */
    bury: async ({ eventID, dynamodb }) => {
      const where = { table: source.source, eventID, sequenceNumber: dynamodb?.SequenceNumber }
      onError(new Error(`${source.functionName} gave up a change: ${JSON.stringify(where)}`))
      const { deadLetters: QueueUrl } = source
      if (QueueUrl !== undefined)
        await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(where) }))
    },
  }
}
