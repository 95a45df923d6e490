import type { SendMessageBatchRequestEntry, SQSClient } from '@aws-sdk/client-sqs'
import { backOff, type BackOffPorts } from '../../backOff.ts'
import type { QueueAddress, QueueMessage, Queues } from '../../ports.ts'
import { attempts, betweenAttempts } from '../awsClientOptions.ts'
import { requireSendable } from '../requireSendable.ts'
import { messageBatches } from './messageBatches.ts'

export interface SqsQueuesOptions extends BackOffPorts {
  /**
   * Of the queue's own region, whose name is in the request's signature; made once per process, with
   * `useQueueUrlAsEndpoint: false` where an endpoint is given.
   */
  readonly clientOf: (region: string) => SQSClient | Promise<SQSClient>
  readonly urlOf: (to: QueueAddress) => string
}

/** Sends to the queues of any region; the SDK's part for it is loaded by the first message. On AWS their messages come to the functions by event source mappings. */
export class SqsQueues implements Queues {
  readonly #clientOf: SqsQueuesOptions['clientOf']
  readonly #urlOf: (to: QueueAddress) => string
  readonly #backOffPorts: BackOffPorts

  constructor({ clientOf, urlOf, ...backOffPorts }: SqsQueuesOptions) {
    this.#clientOf = clientOf
    this.#urlOf = urlOf
    this.#backOffPorts = backOffPorts
  }

  async send(to: QueueAddress, messages: readonly QueueMessage[]): Promise<void> {
    messages.forEach(requireSendable)
    const batches = messageBatches(messages)
    await Promise.all(batches.map((batch) => this.#sendBatch(to, batch)))
  }

  /** A batch may be taken in part: only what was refused is sent again. */
  async #sendBatch(to: QueueAddress, batch: readonly SendMessageBatchRequestEntry[]): Promise<void> {
    const { SendMessageBatchCommand } = await import('@aws-sdk/client-sqs')
    const client = await this.#clientOf(to.region)
    let entries = batch
    for (let attempt = 1; ; attempt += 1) {
      const { Failed = [] } = await client.send(
        new SendMessageBatchCommand({ QueueUrl: this.#urlOf(to), Entries: [...entries] }),
      )
      if (Failed.length === 0) return
      const ids = new Set(Failed.map(({ Id }) => Id))
      entries = entries.filter(({ Id }) => ids.has(Id))
      const isOurFault = Failed.some(({ SenderFault }) => SenderFault === true)
      if (isOurFault || attempt >= attempts) {
        const codes = [...new Set(Failed.map(({ Code }) => Code))].join(', ')
        throw new Error(
          `${Failed.length} of ${batch.length} messages were not taken by ${to.region}/${to.name}: ${codes}.`,
        )
      }
      await backOff(this.#backOffPorts, betweenAttempts, attempt)
    }
  }
}
