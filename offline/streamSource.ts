import type { SQSClient } from '@aws-sdk/client-sqs'
import { SendMessageCommand } from '@aws-sdk/client-sqs'
import type { _Record } from '@aws-sdk/client-dynamodb-streams'
import type { BatchFailures } from '../handlers/replicate/batchFailures.ts'
import type { EventSource } from './regionStack.ts'
import type { StreamReader } from './streamReader.ts'

export interface StreamSourcePorts {
  readonly reader: Pick<StreamReader, 'read'>
  readonly invoke: (functionName: string, event: object) => Promise<BatchFailures>
  readonly sqs: Pick<SQSClient, 'send'>
  readonly onError: (cause: unknown) => void
}

/**
 * An event source mapping of a table's stream: batches in order; at a failure it goes on from the first record that failed,
 * halves a batch that fails as a whole, and gives a record up to the dead letters after its retries.
 */
export class StreamSource {
  readonly #source: EventSource
  readonly #ports: StreamSourcePorts
  #waiting: readonly _Record[] = []
  #size: number
  #tries = 0

  constructor(source: EventSource, ports: StreamSourcePorts) {
    this.#source = source
    this.#ports = ports
    this.#size = source.batchSize
  }

  /** One batch. Resolves with how long to wait for the next one, ms. */
  async step(): Promise<number> {
    if (this.#waiting.length === 0) this.#waiting = await this.#ports.reader.read()
    const batch = this.#waiting.slice(0, this.#size)
    const [head] = batch
    if (head === undefined) return 400
    const done = await this.#deliver(batch)
    this.#waiting = this.#waiting.slice(done)
    if (done > 0) {
      this.#tries = 0
      if (done === batch.length) this.#size = this.#source.batchSize
      return 0
    }
    if (this.#tries < this.#source.maxRetries) {
      this.#tries += 1
      return this.#tries === 0 ? 0 : Math.min(5000, 100 * 2 ** this.#tries)
    }
    await this.#giveUp(head)
    this.#waiting = this.#waiting.slice(1)
    this.#tries = 0
    return 0
  }

  /** How many records from the front are done. */
  async #deliver(batch: readonly _Record[]): Promise<number> {
    try {
      const { batchItemFailures } = await this.#ports.invoke(this.#source.functionName, { Records: batch })
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
      const first = batch.findIndex(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ''))
      return first < 0 ? batch.length : first
    } catch (cause) {
      this.#ports.onError(cause)
      // The halves have retries of their own: only a record that fails alone is given up.
      if (batch.length > 1) this.#tries = -1
      this.#size = Math.max(1, Math.floor(batch.length / 2))
      return 0
    }
  }

  /** As AWS does: not the record but where it stands. */
  async #giveUp({ eventID, dynamodb }: _Record): Promise<void> {
    const { functionName, source, deadLetters } = this.#source
    const where = { table: source, eventID, sequenceNumber: dynamodb?.SequenceNumber }
    this.#ports.onError(new Error(`${functionName} gave up a change: ${JSON.stringify(where)}`))
    if (deadLetters === undefined) return
    await this.#ports.sqs.send(new SendMessageCommand({ QueueUrl: deadLetters, MessageBody: JSON.stringify(where) }))
  }
}
