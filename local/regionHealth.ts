import { listAtRisk } from '../lib/replication/atRisk.ts'
import { deadChanges } from '../lib/replication/deadChanges.ts'
import type { SqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'
import type { CloudSettings } from './cloudSettings.ts'
import type { LinkState } from '../lib/replication/compared.ts'
import { linkReport } from '../lib/replication/linkReport.ts'
import type { Runtime } from '../lib/runtime/composeRegion.ts'
import type { LagFigures, LagWindow } from '../lib/replication/lagWindow.ts'
import { version } from './version.ts'

/** What the region itself has counted. */
export interface Watched {
  readonly lag: LagWindow
  readonly audit: { readonly lost: number }
}

interface Sources extends Watched {
  readonly region: string
  readonly peers: readonly string[]
  readonly store: SqliteRegionStore
  readonly settings: CloudSettings
  /** Whether a peer takes messages now. */
  readonly answers: (peer: string) => Promise<boolean>
  readonly runtime: Pick<Runtime, 'tables' | 'cache' | 'lag' | 'clock'>
}

/** The answer to GET /healthz. */
export interface RegionHealth {
  /** degraded: a peer does not answer; this region serves all the same. */
  readonly status: 'ok' | 'degraded'
  readonly notAnswering: readonly string[]
  readonly version: string
  readonly region: string
  readonly hsm: string
  readonly replicationAck: CloudSettings['replicationAck']
  /** Per peer: from a commit to its receipt, ms, and how many changes the loss of this region would take along. */
  readonly links: readonly {
    readonly peer: string
    readonly lagMs: LagFigures
    readonly atRisk: number
    /** Resources that the peer had acknowledged and turned out not to have, since the start. */
    readonly diverged: number
  }[]
  /** The same for each vault that this region replicates, as far as they are reported. */
  readonly vaults: readonly {
    readonly vaultId: string
    readonly peer: string
    readonly lagMs: LagFigures | null
    readonly oldestUnreplicatedChangeAgeMs: number | null
    readonly lastComparison: LinkState['comparison']
  }[]
  /** Events that are in no table and never will be, since the start. */
  readonly audit: { readonly lost: number }
  readonly queues: { readonly inbox: number; readonly outbox: number; readonly deadLetters: number }
}

/** Counts stop here: a probe must not read a whole table. */
const maxCounted = 1000
const maxVaults = 100
const deadLetterQueues = ['inboxDlq', 'outcomeDlq', 'outboxDlq'] as const

export async function regionHealth(sources: Sources): Promise<RegionHealth> {
  const { region, peers, store, lag, audit, settings, runtime, answers } = sources
  const { tables, queues } = store
  const [inbox, outbox, dead, unsent, answering, links] = await Promise.all([
    queues.counts('inbox'),
    queues.counts('outbox'),
    Promise.all(deadLetterQueues.map((name) => queues.counts(name))),
    deadChanges(tables, maxCounted),
    Promise.all(peers.map(answers)),
    Promise.all(
      peers.map(async (peer) => {
        const atRisk = (await listAtRisk(tables, peer, maxCounted)).items.length
        return { peer, lagMs: lag.figuresOf(peer), atRisk, diverged: lag.divergedOf(peer) }
      }),
    ),
  ])
  const notAnswering = peers.filter((_, index) => answering[index] !== true)
  const now = runtime.clock()
  const vaults = (await linkReport(runtime, maxVaults)).map(
    ({ vaultId, peer, lagMs, oldestWaitingSince, comparison }) => ({
      vaultId,
      peer,
      lagMs,
      oldestUnreplicatedChangeAgeMs: oldestWaitingSince === null ? null : Math.max(0, now - oldestWaitingSince),
      lastComparison: comparison,
    }),
  )
  return {
    status: notAnswering.length === 0 ? 'ok' : 'degraded',
    notAnswering,
    version,
    region,
    hsm: 'simulated HSM (software)',
    replicationAck: settings.replicationAck,
    links,
    vaults,
    audit: { lost: audit.lost },
    queues: {
      inbox: inbox.visible + inbox.inFlight + inbox.delayed,
      outbox: outbox.visible + outbox.inFlight + outbox.delayed,
      deadLetters: dead.reduce((sum, { visible }) => sum + visible, unsent.length),
    },
  }
}
