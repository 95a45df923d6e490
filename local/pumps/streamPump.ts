import type { BatchFailures } from '../../handlers/replicate/batchFailures.ts'
import type { DynamoDBStreamEvent } from 'aws-lambda'
import { grownMs } from '../../lib/backOff.ts'
import type { Tables } from '../../lib/ports.ts'
import { buryChange } from '../../lib/replication/deadChanges.ts'
import type { ChangeStream, NumberedChange } from '../../lib/store/change.ts'
import { StreamMapping, type Stream } from './streamMapping.ts'
import { streamRecord } from './streamRecord.ts'

export interface StreamPumpPorts {
  readonly stream: ChangeStream
  /** Hold the dead letters. */
  readonly tables: Pick<Tables, 'write'>
}

export interface StreamPumpOptions {
  readonly consume: (event: DynamoDBStreamEvent) => Promise<BatchFailures>
  readonly maxTries?: number
  /** How long changes are collected before the function is called, as Lambda's batching window does. */
  readonly windowMs?: number
  readonly firstRetryMs?: number
  readonly onError: (cause: unknown) => void
}

const batchSize = 100
const maxRetryMs = 5_000

/** Runs the event source mapping of one table's stream whenever there is something to do. */
export class StreamPump {
  readonly #mapping: StreamMapping<NumberedChange>
  readonly #windowMs: number
  readonly #onError: (cause: unknown) => void
  readonly #detach: () => void
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | undefined
  #isStopped = false
  #hasMore = false

  constructor(ports: StreamPumpPorts, options: StreamPumpOptions) {
    const { consume: invoke, maxTries = 5, windowMs = 50, firstRetryMs = 100, onError } = options
    this.#windowMs = windowMs
    this.#onError = onError
    const retryMs = (tries: number) => grownMs({ firstMs: firstRetryMs, maxMs: maxRetryMs }, tries)
    const stream = streamOf(ports, onError)
    this.#mapping = new StreamMapping({
      stream,
      toRecord: streamRecord,
      invoke,
      batchSize,
      maxTries,
      retryMs,
      onError,
    })
    this.#detach = ports.stream.onChange(() => {
      this.#wake(windowMs)
    })
    this.#wake(windowMs)
  }

  get isIdle(): boolean {
    return this.#running === undefined && this.#timer === undefined
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#detach()
    clearTimeout(this.#timer)
    this.#timer = undefined
    await this.#running
  }

  #wake(delayMs: number): void {
    this.#hasMore = true
    if (this.#isStopped || this.#timer !== undefined || this.#running !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      this.#hasMore = false
      this.#running = this.#run().then((waitMs) => {
        this.#running = undefined
        if (waitMs !== undefined) this.#wake(waitMs)
        else if (this.#hasMore) this.#wake(this.#windowMs)
      })
    }, delayMs)
  }

  /** Works until nothing waits (undefined), or until a change that failed is to be tried again: in so many ms. */
  async #run(): Promise<number | undefined> {
    try {
      while (!this.#isStopped) {
        const waitMs = await this.#mapping.step()
        if (waitMs !== 0) return waitMs
      }
    } catch (cause) {
      if (this.#isStopped) return undefined
      this.#onError(cause)
      return maxRetryMs
    }
    return undefined
  }
}

function streamOf({ stream, tables }: StreamPumpPorts, onError: (cause: unknown) => void): Stream<NumberedChange> {
  return {
    read: (limit) => stream.read(limit),
    done: async (changes) => {
      const last = changes.at(-1)
      if (last !== undefined) await stream.trim(last.seq)
    },
    bury: async ({ seq, table, pk, sk }, reason) => {
      const of = { table, pk, sk }
      await buryChange(tables, String(seq).padStart(16, '0'), of, reason)
      onError(new Error(`The change of ${table} ${pk} ${sk} became a dead letter.`, { cause: reason }))
    },
  }
}
