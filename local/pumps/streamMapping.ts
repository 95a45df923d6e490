import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import type { BatchFailures } from '../../handlers/replicate/batchFailures.ts'

/** One table's stream as its mapping reads it: changes wait, in order, until they are done. */
export interface Stream<C> {
  /** The first changes that wait, at most so many. */
  read(limit: number): Promise<readonly C[]>
  /** These are the first ones that waited, and are to be read no more. */
  done(changes: readonly C[]): Promise<void>
  /** Puts a change among the dead letters, in words that lead to it. */
  bury(change: C, reason: unknown): Promise<void>
}

export interface StreamMappingOptions<C> {
  readonly stream: Stream<C>
  /** @throws where a change cannot be told as an event. */
  readonly toRecord: (change: C) => DynamoDBRecord
  readonly invoke: (event: DynamoDBStreamEvent) => Promise<BatchFailures>
  readonly batchSize: number
  /** A change that fails so often by itself becomes a dead letter. */
  readonly maxTries: number
  /** The wait before a change is tried again, ms. */
  readonly retryMs: (tries: number) => number
  readonly onError: (cause: unknown) => void
}

interface Delivered {
  /** How many changes from the front are done. */
  readonly done: number
  /** Why the next one is not; the function names it, or it failed as a whole. */
  readonly reason?: unknown
  readonly isWhole?: boolean
}

/**
 * The event source mapping of a table's stream: batches in order. At a failure it goes on from the first change that failed;
 * a batch that fails as a whole is halved until the change that fails is alone; that one is buried after its tries. A change
 * that no event can tell is buried at once.
 */
export class StreamMapping<C> {
  readonly #options: StreamMappingOptions<C>
  #size: number
  #tries = 0

  constructor(options: StreamMappingOptions<C>) {
    this.#options = options
    this.#size = options.batchSize
  }

  /** One batch. Resolves with the wait before the next one, ms; undefined: nothing waits. */
  async step(): Promise<number | undefined> {
    const { stream, batchSize, maxTries, retryMs } = this.#options
    const changes = await stream.read(this.#size)
    const [head] = changes
    if (head === undefined) return undefined
    const { records, reason: noRecord } = this.#convert(changes)
    if (records.length === 0) return this.#bury(head, noRecord)
    const { done, reason, isWhole = false } = await this.#deliver(records)
    if (done > 0) {
      await stream.done(changes.slice(0, done))
      this.#tries = 0
      this.#size = Math.min(batchSize, this.#size * 2)
      return 0
    }
    if (isWhole && records.length > 1) {
      // The halves have tries of their own: only a change that fails alone is buried.
      this.#size = Math.floor(records.length / 2)
      return 0
    }
    this.#tries += 1
    return this.#tries < maxTries ? retryMs(this.#tries) : this.#bury(head, reason)
  }

  /** The changes from the front that can be told as events. */
  #convert(changes: readonly C[]): { readonly records: readonly DynamoDBRecord[]; readonly reason?: unknown } {
    const records: DynamoDBRecord[] = []
    try {
      for (const change of changes) records.push(this.#options.toRecord(change))
      return { records }
    } catch (reason) {
      return { records, reason }
    }
  }

  async #deliver(records: readonly DynamoDBRecord[]): Promise<Delivered> {
    try {
      const { batchItemFailures } = await this.#options.invoke({ Records: [...records] })
      const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
      const first = records.findIndex(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ''))
      if (first < 0) return { done: records.length }
      return { done: first, reason: 'The function reported it as failed; its log has the cause.' }
    } catch (reason) {
      this.#options.onError(reason)
      return { done: 0, reason, isWhole: true }
    }
  }

  async #bury(change: C, reason: unknown): Promise<number> {
    // INVARIANT: the dead letter stands before the change is forgotten, so that none is lost without a trace.
    await this.#options.stream.bury(change, reason)
    await this.#options.stream.done([change])
    this.#tries = 0
    return 0
  }
}
