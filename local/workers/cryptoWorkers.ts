import { grownMs } from '../../lib/backOff.ts'
import type { Logger } from '../../lib/ports.ts'
import type { Broken } from '../region/faults.ts'
import type { CountedRequests } from '../metrics/requestMetrics.ts'
import { freePort } from '../gateway/requireFreePorts.ts'
import type { AuditText } from '../../lib/kms/audit.ts'
import { CryptoWorker, type EventSink } from './cryptoWorker.ts'
import { eventRing } from './eventRing.ts'
import type { Gateway } from './gateway.ts'
import type { Notices } from './notices.ts'
import type { Notice, RegionServices, WorkerStart } from './protocol.ts'

const restarts = { firstMs: 100, maxMs: 5_000 } as const

export interface CryptoWorkersOptions {
  readonly count: number
  readonly notices: Notices
  /** What a worker is started with; asked at each start, because it changes. */
  readonly start: () => Omit<WorkerStart, 'notices' | 'count' | 'answered' | 'events'>
  /** What a worker must be told first; asked at each start. */
  readonly first: () => readonly Notice[]
  readonly services: RegionServices
  readonly events: EventSink
  readonly log: Logger
}

/** For /healthz. */
export interface WorkerFigures {
  /** Requests for crypto since the worker was started. */
  readonly answered: number
  readonly restarts: number
}

/** A region's workers: all listen at all its ports. One that dies is started again, and the others go on meanwhile. */
export class CryptoWorkers implements Gateway {
  readonly #options: CryptoWorkersOptions
  readonly #running = new Map<number, CryptoWorker>()
  readonly #ends = new Map<number, number>()
  readonly #figures: { answered: Int32Array; restarts: number }[] = []
  readonly #listening = new Map<number, string>()
  readonly #timers = new Set<NodeJS.Timeout>()
  /** Rejects where one of the first cannot run at all. */
  readonly #begun: Promise<unknown>
  #how: Broken | undefined
  #isEnding = false

  constructor(options: CryptoWorkersOptions) {
    this.#options = options
    for (let index = 0; index < options.count; index += 1) this.#start(index)
    this.#begun = Promise.all([...this.#running.values()].map(({ commands }) => commands.stand(undefined)))
    this.#begun.catch(() => undefined)
  }

  async listen(port: number, host: string): Promise<number> {
    await this.#begun
    // A port that is shared within this process must still be refused to, and by, every other.
    if (port !== 0) await freePort(port, host)
    let actual = port
    for (const [index, worker] of this.#running) {
      try {
        actual = await worker.commands.listen(actual, host)
      } catch (cause) {
        // One that died meanwhile listens when it is started again.
        if (this.#running.get(index) === worker) throw cause
      }
    }
    if (actual === 0) throw new Error('No worker runs at present.')
    this.#listening.set(actual, host)
    return actual
  }

  isListening(port: number): boolean {
    return this.#listening.has(port)
  }

  async stand(how: Broken | undefined): Promise<void> {
    this.#how = how
    await this.#all((worker) => worker.commands.stand(how))
  }

  async close(): Promise<void> {
    this.#listening.clear()
    await this.#all((worker) => worker.commands.closeListeners())
  }

  async drain(): Promise<void> {
    this.#isEnding = true
    for (const timer of this.#timers) clearTimeout(timer)
    await this.#all((worker) => worker.end())
  }

  /** The events that all have left since the last time, those of each in order. */
  collect(): readonly AuditText[] {
    return [...this.#running.values()].flatMap((worker) => worker.collect())
  }

  figures(): readonly WorkerFigures[] {
    return this.#figures.map(({ answered, restarts }) => ({ answered: Atomics.load(answered, 0), restarts }))
  }

  /** One that dies meanwhile, or has died, has counted nothing. */
  async counted(): Promise<readonly CountedRequests[]> {
    const asked = await Promise.allSettled([...this.#running.values()].map(({ commands }) => commands.counted()))
    return asked.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []))
  }

  /** As when a thread dies. */
  async kill(index: number): Promise<void> {
    const worker = this.#running.get(index)
    if (worker === undefined)
      throw new Error(`There is no worker ${index} at present; there are ${this.#options.count}.`)
    await worker.kill()
  }

  /** One that is gone meanwhile has nothing left to do. */
  async #all(work: (worker: CryptoWorker) => Promise<void>): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(work))
  }

  #start(index: number): CryptoWorker {
    const { notices, start, first, services, events, count } = this.#options
    const { forWorker, close } = notices.open(first())
    const answered = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
    this.#figures[index] = { answered, restarts: (this.#figures[index]?.restarts ?? -1) + 1 }
    const worker: CryptoWorker = new CryptoWorker({
      start: { ...start(), count, answered, events: eventRing(), notices: forWorker },
      services,
      events,
      onEnd: (cause) => {
        close()
        this.#running.delete(index)
        if (!this.#isEnding) this.#restartLater(index, cause)
      },
    })
    this.#running.set(index, worker)
    return worker
  }

  #restartLater(index: number, cause: unknown): void {
    const ends = (this.#ends.get(index) ?? 0) + 1
    this.#ends.set(index, ends)
    this.#options.log.error('A worker ended; it is started again.', cause, { worker: index })
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer)
        void this.#restart(index)
      },
      grownMs(restarts, ends),
    )
    this.#timers.add(timer)
  }

  async #restart(index: number): Promise<void> {
    const worker = this.#start(index)
    try {
      await worker.commands.stand(this.#how)
      for (const [port, host] of this.#listening) await worker.commands.listen(port, host)
      this.#ends.delete(index)
    } catch (cause) {
      if (!this.#isEnding) this.#options.log.error('A worker could not be started again yet.', cause, { worker: index })
      // Its end leads to the next try.
      await worker.end()
    }
  }
}
