import { Worker } from 'node:worker_threads'
import { createBirpc, type BirpcReturn } from 'birpc'
import { besides } from '../besides.ts'
import type { AuditText } from '../../lib/kms/audit.ts'
import { eventIn, EventReader } from './eventRing.ts'
import { eventsWait, type RegionServices, type WorkerCommands, type WorkerStart } from './protocol.ts'

const main = besides('workerMain', import.meta.url)

export interface CryptoWorkerOptions {
  readonly start: WorkerStart
  readonly services: RegionServices
  readonly events: EventSink
  /** Called once, when the thread is gone and all that it had given is taken. */
  readonly onEnd: (cause: unknown) => void
}

/** Takes events of the audit, in the order in which the worker gives them. */
export interface EventSink {
  take(events: readonly AuditText[]): void
  /** Some lie ready to be collected. */
  expect(): void
}

/** One thread, from its start to its end. */
export class CryptoWorker {
  /** @throws whatever the command throws, or that the thread is gone. */
  readonly commands: WorkerCommands
  readonly #thread: Worker
  readonly #events: EventReader
  readonly #gone: Promise<void>

  constructor({ start, services, events, onEnd }: CryptoWorkerOptions) {
    this.#events = new EventReader(start.events)
    const thread = new Worker(main, { workerData: start, transferList: [start.notices.port] })
    this.#thread = thread
    const rpc: BirpcReturn<WorkerCommands, RegionServices> = createBirpc<WorkerCommands, RegionServices>(services, {
      post: (message) => {
        thread.postMessage(message)
      },
      on: (take) => {
        thread.on('message', (message: unknown) => {
          if (message === eventsWait) events.expect()
          else if (typeof message === 'string') events.take([...this.collect(), eventIn(message)])
          else take(message)
        })
      },
      timeout: -1,
    })
    this.commands = rpc
    let why: unknown = 'it ended'
    thread.once('error', (cause) => {
      why = cause
    })
    this.#gone = new Promise((resolve) => {
      // Node hands over what is left in the thread's port before it says this.
      thread.once('exit', () => {
        rpc.$close(new Error('The worker has ended.'))
        events.take(this.collect())
        resolve()
        onEnd(why)
      })
    })
  }

  /** The events that it has left since the last time. */
  collect(): readonly AuditText[] {
    return this.#events.take()
  }

  /** Lets its requests finish; resolves when the thread is gone and all that it had given is taken. */
  async end(): Promise<void> {
    await this.commands.end().catch(() => undefined)
    await this.kill()
  }

  /** At once, whatever it is doing. */
  async kill(): Promise<void> {
    await this.#thread.terminate()
    await this.#gone
  }
}
