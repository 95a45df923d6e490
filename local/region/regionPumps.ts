import { outcomeFunction } from '../../handlers/replicate/outcome.ts'
import { applyFunction } from '../../handlers/replicate/apply.ts'
import { fanOutFunction } from '../../handlers/replicate/fanOut.ts'
import { reconcileFunction } from '../../handlers/replicate/reconcile.ts'
import { scheduleFunction } from '../../handlers/schedule/scheduleFunction.ts'
import type { Arrivals } from '../../lib/http/arrivals.ts'
import { streamedTables } from '../../lib/ports.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { MinuteTimer } from '../pumps/minuteTimer.ts'
import { pumpErrors } from '../pumps/pumpErrors.ts'
import { QueuePump } from '../pumps/queuePump.ts'
import type { RegionParts } from './region.ts'
import { StreamPump } from '../pumps/streamPump.ts'
import { UnstoredRecords, type Told } from './unstoredRecords.ts'

/** What works off a region's streams, queues and minutes. */
export interface Pumps {
  stop(): Promise<unknown>
  retryNow(): Promise<unknown>
  isIdle(): boolean
  /** Does now what is done every minute. */
  runDue(): Promise<void>
  readonly arrivals: Required<Arrivals>
  /** Vaults and keys of which records wait, each as often as one does. */
  arrived(): readonly string[]
}

const nothingArrives: Required<Arrivals> = {
  awaited: async function* () {},
  stored: () => undefined,
}

/** Before a region runs. */
export const notRunning: Pumps = {
  stop: async () => undefined,
  retryNow: async () => undefined,
  isIdle: () => true,
  runDue: async () => undefined,
  arrivals: nothingArrives,
  arrived: () => [],
}

/** By then the receipt of a change that was handed off is in, as a rule, and the safety net has nothing to send. */
const keysWindowMs = 500
const maxReceives = 200
/** The keys of a batch go under one signature, as many as a message holds. */
const outboxBatch = 100

export function startPumps(
  store: SqliteRegionStore,
  runtime: Runtime,
  {
    log,
    clock,
    isScheduled,
    settings: { arrivalsMs },
  }: Pick<RegionParts, 'log' | 'clock' | 'isScheduled' | 'settings'>,
  told?: Told,
): Pumps {
  const onError = pumpErrors({ log, clock })
  const fanOut = fanOutFunction(runtime)
  const streams = streamedTables.map(
    (table) =>
      new StreamPump(
        { stream: store.tables.stream(table), tables: store.tables },
        { consume: fanOut, onError, ...(table === 'Keys' ? { windowMs: keysWindowMs } : {}) },
      ),
  )
  const unstored = new UnstoredRecords(store.queues, told)
  const inbox = new QueuePump(store.queues, {
    name: 'inbox',
    consume: applyFunction(runtime),
    maxReceives,
    clock,
    onError,
    onWorked: (messages) => {
      unstored.worked(messages)
    },
  })
  const queues = [
    inbox,
    new QueuePump(store.queues, {
      name: 'outcome',
      consume: outcomeFunction(runtime),
      maxReceives,
      clock,
      onError,
    }),
    new QueuePump(store.queues, { name: 'outbox', consume: fanOut, batchSize: outboxBatch, clock, onError }),
  ]
  const everyMinute = isScheduled ? [scheduleFunction(runtime), reconcileFunction(runtime)] : []
  const timers = everyMinute.map((work) => new MinuteTimer(work, onError))
  return {
    stop: () => {
      unstored.detach()
      return Promise.all([...timers, ...streams, ...queues].map((pump) => pump.stop()))
    },
    retryNow: () => Promise.all(queues.map((pump) => pump.retryNow())),
    runDue: async () => {
      await Promise.all(timers.map((timer) => timer.tickNow()))
    },
    arrivals: {
      awaited: () => inbox.worked(arrivalsMs),
      stored: (ids) => (unstored.has(ids) ? unstored.stored(ids, inbox.worked(arrivalsMs)) : undefined),
    },
    arrived: () => unstored.ids(),
    isIdle: () => [...timers, ...streams, ...queues].every((pump) => pump.isIdle),
  }
}
