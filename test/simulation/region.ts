import type { SQSEvent } from 'aws-lambda'
import { outcomeFunction } from '../../handlers/replicate/outcome.ts'
import { applyFunction } from '../../handlers/replicate/apply.ts'
import type { BatchFailures } from '../../handlers/replicate/batchFailures.ts'
import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import type { Logger, QueueName } from '../../lib/ports.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { composeSimulated, type RegionSettings } from './composeSimulated.ts'
import type { Network } from './network.ts'
import { Incarnation, type Scheduler } from './scheduler.ts'
import type { SeededRandom } from './seededRandom.ts'
import { requireHonest } from './requireHonest.ts'
import { SimulatedQueues, type Message } from './simulatedQueues.ts'
import { SimulatedTables } from './simulatedTables.ts'
import { streamRecordOf } from './streamRecordOf.ts'

export interface RegionParts {
  readonly name: string
  readonly scheduler: Scheduler
  readonly network: Network
  readonly random: SeededRandom
  readonly settings: RegionSettings
  readonly log: Logger
  readonly objects: Map<string, string>
  readonly from?: Pick<Region, 'tables' | 'identityHeads'> & { readonly queues?: SimulatedQueues }
}

/** A process of a region's functions, with the ports that it was given. */
export interface Instance {
  readonly incarnation: Incarnation
  readonly runtime: Runtime
  readonly functions: ReturnType<typeof functionsOf>
}

const streamBatch = 5
const queueBatch = 5
const maxReceives = 30
const streamRetryMs = 100

/** One region: rows and queues that last, and processes that come and go. */
export class Region {
  readonly name: string
  readonly tables: SimulatedTables
  readonly queues: SimulatedQueues
  /** What the HSM keeps. */
  readonly identityHeads: Map<string, number>
  instances: readonly Instance[]
  /** The next batches of queues that are worked but not deleted: they come again. */
  redeliveries = 0
  readonly #parts: RegionParts
  #busy = 0
  #streamRetryAt = 0

  constructor(parts: RegionParts) {
    const { name, scheduler, settings, random, from, network } = parts
    this.name = name
    this.#parts = parts
    const now = () => scheduler.now + settings.skewMs
    const { indexLagMs } = settings
    const options = {
      now,
      ...(indexLagMs > 0 ? { indexLagMs: () => random.below(indexLagMs) } : {}),
      ...(settings.hasShortPages ? { pageItems: () => (random.chance(0.3) ? 1 + random.below(2) : undefined) } : {}),
    }
    this.tables = from?.tables.fork(options) ?? new SimulatedTables(options)
    this.queues = new SimulatedQueues(() => scheduler.now, from?.queues)
    this.identityHeads = new Map(from?.identityHeads)
    network.attach(name, this.queues)
    this.tables.onCommit((table, old, item) => {
      const touched = item ?? old
      if (!settings.invalidatesOnCommit || touched === undefined) return
      for (const { runtime } of this.instances) {
        if (table === 'Identity') runtime.identity.invalidate(touched.pk)
        else if (table === 'Vaults' || table === 'Keys') runtime.cache.invalidate(table, touched.pk, touched.sk)
      }
    })
    this.instances = []
    this.start()
  }

  /** Whether nothing is being worked on. */
  get isIdle(): boolean {
    return this.#busy === 0
  }

  start(): void {
    const { settings } = this.#parts
    this.instances = Array.from({ length: settings.instances }, () => {
      const incarnation = new Incarnation()
      const runtime = composeSimulated({ ...this.#parts, ...this.#lasting(), incarnation })
      return { incarnation, runtime, functions: functionsOf(runtime) }
    })
  }

  #lasting() {
    return { tables: this.tables, identityHeads: this.identityHeads }
  }

  /** All processes die at once; of their calls on the way some still have their effect. Then new ones start. */
  crash(): void {
    const { scheduler, random } = this.#parts
    for (const { incarnation } of this.instances) {
      incarnation.die()
      scheduler.drop(incarnation, () => random.chance(0.5))
    }
    this.start()
  }

  instance(): Instance {
    return this.#parts.random.pick(this.instances)
  }

  /** The actors that work queues and streams off. */
  addPumps(weightOf: (name: string) => number, queues: readonly QueueName[], hasStream: boolean): void {
    for (const name of queues) {
      for (const copy of ['', "'"])
        this.#addPump(`${this.name} ${name}${copy}`, weightOf(`${this.name} ${name}`), () => this.#workQueue(name))
    }
    if (!hasStream) return
    this.#addPump(`${this.name} stream`, weightOf(`${this.name} stream`), () => this.#workStream())
  }

  /** Something lies in a queue or in the stream, now or later. */
  hasWork(): boolean {
    const { Vaults, Keys, Identity } = this.tables.changes
    const { inbox, outcome, outbox } = this.queues.waiting
    return [Vaults, Keys, Identity, inbox, outcome, outbox].some((each) => each.length > 0)
  }

  nextWake(): number | undefined {
    const visible = this.queues.nextVisibleAt()
    return this.#streamRetryAt > this.#parts.scheduler.now
      ? Math.min(this.#streamRetryAt, visible ?? Infinity)
      : visible
  }

  /** At most one piece of work at a time; a crash ends it. */
  #addPump(name: string, weight: number, find: () => ((instance: Instance) => Promise<void>) | undefined): void {
    const { scheduler } = this.#parts
    let isBusy = false
    const actor = scheduler.actor(name, weight, () => {
      if (isBusy) return false
      const work = find()
      if (work === undefined) return false
      const instance = this.instance()
      isBusy = true
      this.#busy += 1
      const end = () => {
        isBusy = false
        this.#busy -= 1
      }
      const forget = instance.incarnation.onDeath(end)
      scheduler.spawn(actor, async () => {
        await work(instance)
        forget()
        end()
      })
      return true
    })
  }

  #workQueue(name: QueueName): ((instance: Instance) => Promise<void>) | undefined {
    const { random } = this.#parts
    if (this.queues.waiting[name].length === 0) return undefined
    const messages = this.queues.receive(name, 1 + random.below(queueBatch), random)
    if (messages.length === 0) return undefined
    return async ({ functions }) => {
      const found = await failedOf(() => functions[name](sqsEvent(messages)))
      const failed = new Set(found ?? messages.map(({ id }) => id))
      const isRepeated = this.redeliveries > 0
      if (isRepeated) this.redeliveries -= 1
      for (const message of messages) {
        if (failed.has(message.id)) this.queues.putBack(name, message, name === 'outbox' ? undefined : maxReceives)
        else if (!isRepeated) this.queues.delete(name, message.id)
      }
    }
  }

  #workStream(): ((instance: Instance) => Promise<void>) | undefined {
    const { random, scheduler } = this.#parts
    if (scheduler.now < this.#streamRetryAt) return undefined
    const waiting = Object.values(this.tables.changes).filter((changes) => changes.length > 0)
    if (waiting.length === 0) return undefined
    const changes = random.pick(waiting)
    const batch = changes.slice(0, 1 + random.below(streamBatch))
    return async ({ functions }) => {
      const Records = batch.map((change, index) => streamRecordOf(change, index))
      const found = await failedOf(() => functions.outbox({ Records }))
      const failed = found?.map(Number) ?? [0]
      const done = new Set(batch.slice(0, Math.min(batch.length, ...failed)))
      // What a fault took out of the stream meanwhile is not here any more.
      const left = changes.filter((change) => !done.has(change))
      changes.splice(0, changes.length, ...left)
      if (failed.length > 0) this.#streamRetryAt = scheduler.now + streamRetryMs
    }
  }
}

/** What of a batch failed; undefined where all of it did, because the function itself threw. */
async function failedOf(work: () => Promise<BatchFailures>): Promise<readonly string[] | undefined> {
  try {
    return (await work()).batchItemFailures.map(({ itemIdentifier }) => itemIdentifier)
  } catch (cause) {
    requireHonest('A function failed.', cause)
    return undefined
  }
}

/** What works each queue off; the function of the outbox has the streams too. */
function functionsOf(runtime: Runtime) {
  return {
    inbox: applyFunction(runtime),
    outcome: outcomeFunction(runtime),
    outbox: fanOutFunction(runtime),
  } satisfies Record<QueueName, unknown>
}

function sqsEvent(messages: readonly Message[]): SQSEvent {
  const Records = messages.map(({ id, body, receiveCount }) => ({
    messageId: id,
    body,
    attributes: { ApproximateReceiveCount: String(receiveCount) },
  }))
  return { Records } as unknown as SQSEvent
}
