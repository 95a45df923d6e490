import type { SQSEvent } from 'aws-lambda'
import type { BatchFailures } from '../../handlers/replicate/batchFailures.ts'
import { grownMs } from '../../lib/backOff.ts'
import { LruCache } from '../../lib/lruCache.ts'
import type { Clock, QueueName } from '../../lib/ports.ts'
import type { Received, WatchedQueues } from '../../lib/store/regionQueues.ts'
import { workBatch } from './queueMapping.ts'

export interface QueuePumpOptions {
  readonly name: QueueName
  readonly consume: (event: SQSEvent) => Promise<BatchFailures>
  /** Messages that failed this often go to the dead letters; undefined: never. */
  readonly maxReceives?: number
  /** Messages for one call of the function. */
  readonly batchSize?: number
  /** The queues' own clock. */
  readonly clock?: Clock
  readonly onError: (cause: unknown) => void
  /** Told of each batch once it was worked, whatever came of it. */
  readonly onWorked?: (messages: readonly Received[]) => void
}

const defaultBatchSize = 10
const maxInFlight = 4
/** How long a batch may take before its messages are handed out again. */
const visibilityMs = 30_000
const betweenTries = { firstMs: 50, maxMs: 5_000 } as const

/** Runs the event source mapping of a queue: batches as soon as there are messages, some at a time. */
export class QueuePump {
  readonly #queues: WatchedQueues
  readonly #options: QueuePumpOptions
  readonly #detach: () => void
  #timer: NodeJS.Timeout | undefined
  #inFlight = 0
  #isStopped = false
  #isReceiving = false
  #idle: (() => void)[] = []
  /** Those who wait for a batch to be done. */
  #waiting: (() => void)[] = []
  /** Failed messages that wait for their next attempt; bounded, because it only saves them time. */
  readonly #putAside = new LruCache<true>(10_000)

  constructor(queues: WatchedQueues, options: QueuePumpOptions) {
    this.#queues = queues
    this.#options = options
    this.#detach = queues.onSend((name) => {
      if (name === options.name) this.wake()
    })
    this.wake()
  }

  wake(): void {
    if (this.#isStopped || this.#isReceiving || this.#inFlight >= maxInFlight) return
    this.#isReceiving = true
    void this.#receive()
  }

  get isIdle(): boolean {
    return this.#inFlight === 0 && !this.#isReceiving
  }

  /** Messages that wait for their next attempt are tried at once: what they failed on may be over. */
  async retryNow(): Promise<void> {
    await Promise.all(this.#putAside.takeAll().map((id) => this.#queues.changeVisibility(this.#options.name, id, 0)))
  }

  /** Yields after each batch, until no message is due or `ms` have passed. Those that wait for another attempt do not count. */
  async *worked(ms: number): AsyncGenerator<undefined> {
    const { clock = Date.now } = this.#options
    const end = clock() + ms
    while (this.#hasDue(clock()) && clock() < end) {
      let timer: NodeJS.Timeout | undefined
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, Math.max(1, end - clock()))
        this.#waiting.push(resolve)
      })
      clearTimeout(timer)
      yield undefined
    }
  }

  #hasDue(now: number): boolean {
    const at = this.#queues.nextVisibleAt(this.#options.name)
    return !this.isIdle || (at !== undefined && at <= now)
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#detach()
    clearTimeout(this.#timer)
    if (!this.isIdle) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  async #receive(): Promise<void> {
    try {
      const { name, batchSize = defaultBatchSize } = this.#options
      const messages = await this.#queues.receive(name, batchSize, visibilityMs)
      this.#isReceiving = false
      if (messages.length > 0) {
        this.#inFlight += 1
        void this.#work(messages).then(() => {
          this.#options.onWorked?.(messages)
          this.#inFlight -= 1
          this.#next()
        })
      }
      if (messages.length === batchSize) this.wake()
    } catch (cause) {
      this.#isReceiving = false
      if (!this.#isStopped) {
        this.#options.onError(cause)
        this.#sleep(betweenTries.maxMs)
        return
      }
    }
    this.#next()
  }

  /** Sleeps until the next message becomes visible. */
  #next(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
    if (this.#isStopped) {
      if (this.isIdle) for (const resolve of this.#idle.splice(0)) resolve()
      return
    }
    // Whoever finishes first looks again; until then a message that is visible already would only spin the timer.
    if (this.#inFlight >= maxInFlight) return
    const at = this.#queues.nextVisibleAt(this.#options.name)
    clearTimeout(this.#timer)
    const { clock = Date.now } = this.#options
    if (at !== undefined) this.#sleep(Math.max(1, Math.min(at - clock(), 60_000)))
  }

  #sleep(ms: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.wake()
    }, ms)
  }

  /** Never rejects: what the queue could not be told comes again after its time-out. */
  async #work(messages: readonly Received[]): Promise<void> {
    const { name, consume: invoke, onError } = this.#options
    try {
      const done = await workBatch(messages, {
        invoke,
        delete: (taken) =>
          this.#queues.delete(
            name,
            taken.map(({ id }) => id),
          ),
        putBack: (message) => this.#putBack(message),
        onError,
      })
      for (const { id } of done) this.#putAside.delete(id)
    } catch (cause) {
      if (!this.#isStopped) onError(cause)
    }
  }

  async #putBack({ id, receiveCount }: Received): Promise<void> {
    if (this.#isStopped) return
    const { name, maxReceives } = this.#options
    if (maxReceives !== undefined && receiveCount >= maxReceives) {
      this.#putAside.delete(id)
      await this.#queues.deadLetter(name, id, `failed ${receiveCount} times`)
      return
    }
    this.#putAside.set(id, true)
    await this.#queues.changeVisibility(name, id, grownMs(betweenTries, receiveCount))
  }
}
