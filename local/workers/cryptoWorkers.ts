import { grownMs } from '../../lib/backOff.ts'
import type { Logger } from '../../lib/ports.ts'
import type { Broken } from '../region/faults.ts'
import { KeptCounts } from '../metrics/keptCounts.ts'
import type { CountedRequests } from '../metrics/requestMetrics.ts'
import { freePort } from '../gateway/requireFreePorts.ts'
import type { AuditText } from '../../lib/kms/audit.ts'
import { CryptoWorker, type EventSink } from './cryptoWorker.ts'
import { eventRing } from './eventRing.ts'
import type { Gateway } from './gateway.ts'
import type { Notices } from './notices.ts'
import { BeatWatch } from './beatWatch.ts'
import type { Notice, RegionServices, WorkerStart } from './protocol.ts'

/** How often it is looked whether a worker goes on. */
const lookMs = 500
/** While it is being started: then it reads all its modules. */
const startMs = 60_000
/** So often it is asked what it has counted, in looks, so that little is lost where it dies. */
const countLooks = 4
/** A worker that is asked takes no longer where it is well. */
const answerMs = 1_000

const restarts = { firstMs: 100, maxMs: 5_000 } as const

export interface CryptoWorkersOptions {
  readonly count: number
  /** How long a worker may stand still before it is ended. */
  readonly patienceMs: number
  readonly notices: Notices
  /** What a worker is started with; asked at each start, because it changes. */
  readonly start: (index: number) => Omit<WorkerStart, 'notices' | 'count' | 'answered' | 'beats' | 'events'>
  /** What a worker must be told first; asked at each start. */
  readonly first: () => readonly Notice[]
  readonly services: Omit<RegionServices, 'tokensAway'>
  /** As RegionServices has it. */
  readonly tokensAway: (labels: readonly string[]) => void
  readonly events: EventSink
  /** Called when one is gone, before another takes its place. */
  readonly onEnd: (index: number) => void
  /** One was ended and does not end: no thread can be taken out of a call into a library. */
  readonly onStuck: () => void
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
  readonly #counts = new KeptCounts<CryptoWorker>()
  readonly #watched = new Map<number, BeatWatch>()
  /** Those that were ended and are there still: how many looks they have yet. */
  readonly #ended = new Map<number, number>()
  readonly #away = new Map<number, readonly string[]>()
  readonly #watch: NodeJS.Timeout
  #looks = 0
  /** Rejects where one of the first cannot run at all. */
  readonly #begun: Promise<unknown>
  #how: Broken | undefined
  #isEnding = false

  constructor(options: CryptoWorkersOptions) {
    this.#options = options
    for (let index = 0; index < options.count; index += 1) this.#start(index)
    this.#begun = Promise.all([...this.#running.values()].map(({ commands }) => commands.stand(undefined)))
    this.#begun.catch(() => undefined)
    this.#watch = setInterval(() => {
      this.#look()
    }, lookMs).unref()
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
    // One that hangs is still ended by the watch.
    await this.#all((worker) => worker.end())
    clearInterval(this.#watch)
  }

  /** The events that all have left since the last time, those of each in order. */
  collect(): readonly AuditText[] {
    return [...this.#running.values()].flatMap((worker) => worker.collect())
  }

  figures(): readonly WorkerFigures[] {
    return this.#figures.map(({ answered, restarts }) => ({ answered: Atomics.load(answered, 0), restarts }))
  }

  /** Tokens that do not answer one of them. */
  awayTokens(): readonly string[] {
    return [...new Set([...this.#away.values()].flat())]
  }

  get #patientLooks(): number {
    return Math.ceil(this.#options.patienceMs / lookMs)
  }

  /** What all have counted since the region was started, also those that are gone. */
  async counted(): Promise<readonly CountedRequests[]> {
    await this.#askCounts()
    return this.#counts.all()
  }

  /** How many answer at present. */
  get running(): number {
    return this.#running.size
  }

  /** As when a thread never leaves a computation. */
  async hang(index: number): Promise<void> {
    await this.#at(index).commands.hang()
  }

  /** As when a thread dies. */
  async kill(index: number): Promise<void> {
    await this.#at(index).kill()
  }

  #at(index: number): CryptoWorker {
    const worker = this.#running.get(index)
    if (worker !== undefined) return worker
    throw new Error(`There is no worker ${index} at present; there are ${this.#options.count}.`)
  }

  #look(): void {
    for (const [index, worker] of this.#running) {
      if (this.#watched.get(index)?.hangs() !== true) continue
      this.#watched.delete(index)
      this.#options.log.error('A worker stands still; it is ended.', undefined, { worker: index })
      this.#ended.set(index, this.#patientLooks)
      void worker.kill()
    }
    for (const [index, looks] of this.#ended) {
      this.#ended.set(index, looks - 1)
      if (looks === 0) this.#options.onStuck()
    }
    this.#looks += 1
    if (this.#looks % countLooks === 0) void this.#askCounts()
  }

  async #askCounts(): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, answerMs)
    })
    const told = this.#all(async (worker) => {
      const counted = await worker.commands.counted()
      if ([...this.#running.values()].includes(worker)) this.#counts.told(worker, counted)
    })
    await Promise.race([told, late])
    clearTimeout(timer)
  }

  /** One that is gone meanwhile has nothing left to do. */
  async #all(work: (worker: CryptoWorker) => Promise<void>): Promise<void> {
    await Promise.allSettled([...this.#running.values()].map(work))
  }

  #start(index: number): CryptoWorker {
    const { notices, start, first, services, tokensAway, events, count } = this.#options
    const { forWorker, close } = notices.open(first())
    const [answered, beats] = [sharedNumber(), sharedNumber()]
    const patience = { looks: this.#patientLooks, firstLooks: Math.ceil(startMs / lookMs) }
    this.#watched.set(index, new BeatWatch(beats, patience))
    this.#figures[index] = { answered, restarts: (this.#figures[index]?.restarts ?? -1) + 1 }
    const worker: CryptoWorker = new CryptoWorker({
      start: { ...start(index), count, answered, beats, events: eventRing(), notices: forWorker },
      services: {
        ...services,
        tokensAway: async (labels) => {
          // One that is gone has none: this came before its end and is taken after it.
          if (this.#running.get(index) !== worker) return
          this.#away.set(index, labels)
          tokensAway(labels)
        },
      },
      events,
      onEnd: (cause) => {
        close()
        this.#running.delete(index)
        this.#ended.delete(index)
        this.#away.delete(index)
        this.#options.onEnd(index)
        void this.#counts.ended(worker)
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

function sharedNumber(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
}
