import { DeleteMessageBatchCommand, ReceiveMessageCommand, type SQSClient } from '@aws-sdk/client-sqs'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import type { EventSource } from './regionStack.ts'

export interface QueueSourcePorts {
  readonly sqs: Pick<SQSClient, 'send'>
  readonly invoke: (functionName: string, event: object) => Promise<BatchFailures>
}

/** An event source mapping of a queue: what the function reports as failed stays and comes again. */
export class QueueSource {
  readonly #source: EventSource
  readonly #ports: QueueSourcePorts

  constructor(source: EventSource, ports: QueueSourcePorts) {
    this.#source = source
    this.#ports = ports
  }

  /** One batch. Resolves with how long to wait for the next one, ms. */
  async step(): Promise<number> {
    const { source: QueueUrl, batchSize, functionName } = this.#source
    const { Messages = [] } = await this.#ports.sqs.send(
      new ReceiveMessageCommand({
        QueueUrl,
        MaxNumberOfMessages: batchSize,
        MessageSystemAttributeNames: ['ApproximateReceiveCount'],
      }),
    )
    if (Messages.length === 0) return 200
    const Records = Messages.map(({ MessageId, Body, Attributes }) => ({
      messageId: MessageId,
      body: Body,
      attributes: Attributes,
    }))
    const { batchItemFailures } = await this.#ports.invoke(functionName, { Records })
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
    const Entries = Messages.filter(({ MessageId = '' }) => !failed.has(MessageId)).map(({ ReceiptHandle }, n) => ({
      Id: String(n),
      ReceiptHandle,
    }))
    if (Entries.length > 0) await this.#ports.sqs.send(new DeleteMessageBatchCommand({ QueueUrl, Entries }))
    return 0
  }
}
