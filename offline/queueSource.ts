import { DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import { workBatch, type HeldMessage } from '../local/pumps/queueMapping.ts'
import type { EventSource } from './regionStack.ts'

export interface QueueSourcePorts {
  readonly sqs: Pick<SQSClient, 'send'>
  readonly invoke: (functionName: string, event: object) => Promise<BatchFailures>
  readonly onError: (cause: unknown) => void
}

interface SqsMessage extends HeldMessage {
  readonly handle: string | undefined
}

const idleMs = 200

/**
 * The event source mapping of a queue. A step is one batch, and resolves with the wait before the next one, ms. What failed
 * the queue itself hides for its time-out, and buries by its redrive policy.
 */
export function queueSource(source: EventSource, { sqs, invoke, onError }: QueueSourcePorts): () => Promise<number> {
  const { source: QueueUrl, batchSize, functionName } = source
  const remove = async (messages: readonly SqsMessage[]) => {
    const Entries = messages.map(({ handle }, n) => ({ Id: String(n), ReceiptHandle: handle }))
    await sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
  }
  return async () => {
    const { Messages = [] } = await sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: batchSize,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    )
    if (Messages.length === 0) return idleMs
    const messages = Messages.map(({ MessageId = '', Body = '', Attributes, ReceiptHandle }) => ({
      id: MessageId,
      body: Body,
      receiveCount: Number(Attributes?.ApproximateReceiveCount),
      handle: ReceiptHandle,
    }))
    await workBatch(messages, { invoke: (event) => invoke(functionName, event), delete: remove, onError })
    return 0
  }
}
