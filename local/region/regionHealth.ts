import type { PartitionCounts } from '../../lib/hsm/pkcs11/vaults/partitions.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import { listAtRisk } from '../../lib/replication/atRisk.ts'
import { deadChanges } from '../../lib/replication/deadChanges.ts'
import { parkedCount } from '../../lib/replication/lane/parked.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import type { LinkState } from '../../lib/replication/compared.ts'
import { linkReport, type ReportedLink } from '../../lib/replication/linkReport.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { LagFigures, LagWindow } from '../../lib/replication/lagWindow.ts'
import type { CustodyWatch } from '../hsm/custody.ts'
import type { WorkerFigures } from '../workers/cryptoWorkers.ts'
import type { PutBack } from '../../lib/replication/takeBack/recover.ts'
import { version } from '../version.ts'

/** What the region itself has counted. */
export interface Watched {
  readonly lag: LagWindow
  readonly audit: { readonly lost: number }
  readonly found: { putBack?: PutBack }
  readonly workers: () => readonly WorkerFigures[]
  readonly hsm: Pick<ProvisionedHsm, 'name' | 'isAnswering' | 'awayPartitions'> & {
    /** Its tokens for private vaults; undefined: it has none. */
    readonly pool?: () => PartitionCounts | undefined
  }
  readonly custody: Pick<CustodyWatch, 'withoutKey'>
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
  /**
   * degraded: a peer or the HSM does not answer, the disk is full, the custodians' key is gone from a token, or the region was
   * put back to an older copy; it serves all the same.
   */
  readonly status: 'ok' | 'degraded'
  readonly notAnswering: readonly string[]
  /** False: the disk had no room for the last write that was tried. Reads and crypto go on. */
  readonly takesWrites: boolean
  /** Until the next start; absent: nothing of the kind. */
  readonly putBack?: PutBack
  readonly version: string
  readonly region: string
  readonly hsm: string
  /** False: no call that needs a vault's keys is answered; the token is tried again once a second. */
  readonly isHsmAnswering: boolean
  /** Tokens of private vaults that do not answer, whose vaults alone answer 503; absent: none is known. */
  readonly awayTokens?: readonly string[]
  /** Tokens for private vaults; absent: the region has none. Without a free one no private vault is made. */
  readonly privateTokens?: PartitionCounts
  /** Tokens without the custodians' key, or whose keys have no copy for them, as last looked at; absent: none. */
  readonly withoutCustodians?: readonly string[]
  readonly replicationAck: CloudSettings['replicationAck']
  /** Per peer: from a commit to its receipt, ms, and how many changes the loss of this region would take along. */
  readonly links: readonly {
    readonly peer: string
    readonly lagMs: LagFigures
    readonly atRisk: number
    /** Resources that the peer had acknowledged and turned out not to have, since the start. */
    readonly diverged: number
    /** Vaults replicated there, and how many of them are behind. Counts alone: whoever asks here has not signed. */
    readonly vaults: number
    readonly behind: number
    /** Of them those whose keys are not sent, because the transfer was refused; absent: none. */
    readonly refused?: number
  }[]
  /** The threads that answer for crypto; none where the region's one thread does. */
  readonly workers: readonly WorkerFigures[]
  /** Events that are in no table and never will be, since the start. */
  readonly audit: { readonly lost: number }
  readonly queues: { readonly inbox: number; readonly outbox: number; readonly deadLetters: number }
}

/** Counts stop here: a probe must not read a whole table. */
const maxCounted = 1000
const maxVaults = 100
const deadLetterQueues = ['inboxDlq', 'outcomeDlq', 'outboxDlq'] as const

const minuteMs = 60_000

/** Its replica has not taken a change for a minute, or has answered no comparison for three: there is one a minute. */
function isBehind({ oldestWaitingSince, comparison }: LinkState, now: number): boolean {
  if (oldestWaitingSince !== null && now - oldestWaitingSince > minuteMs) return true
  return comparison !== null && now - comparison.comparedAt > 3 * minuteMs
}

/** It is no replica yet, and does not become one by itself. */
function isStuck({ isRefused, isNotTaken }: ReportedLink): boolean {
  return isRefused === true || isNotTaken === true
}

export async function regionHealth(sources: Sources): Promise<RegionHealth> {
  const { region, peers, store, lag, audit, found, settings, runtime, answers, workers, hsm, custody } = sources
  const { tables, queues } = store
  const now = runtime.clock()
  const vaults = await linkReport(runtime, maxVaults)
  const [inbox, outbox, parked, dead, unsent, answering, links] = await Promise.all([
    queues.counts('inbox'),
    queues.counts('outbox'),
    Promise.all(peers.map((peer) => parkedCount(tables, peer, maxCounted))),
    Promise.all(deadLetterQueues.map((name) => queues.counts(name))),
    deadChanges(tables, maxCounted),
    Promise.all(peers.map(answers)),
    Promise.all(
      peers.map(async (peer) => {
        const atRisk = (await listAtRisk(tables, peer, maxCounted)).items.length
        const there = vaults.filter((vault) => vault.peer === peer)
        const refused = there.filter((vault) => vault.isRefused).length
        const behind = there.filter((vault) => isStuck(vault) || isBehind(vault, now)).length
        return {
          peer,
          lagMs: lag.figuresOf(peer),
          atRisk,
          diverged: lag.divergedOf(peer),
          vaults: there.length,
          behind,
          ...(refused === 0 ? {} : { refused }),
        }
      }),
    ),
  ])
  const notAnswering = peers.filter((_, index) => answering[index] !== true)
  const takesWrites = !store.isRefused()
  const isHsmAnswering = hsm.isAnswering()
  const awayTokens = hsm.awayPartitions()
  const privateTokens = isHsmAnswering ? hsm.pool?.() : undefined
  return {
    status:
      notAnswering.length === 0 &&
      takesWrites &&
      isHsmAnswering &&
      awayTokens.length === 0 &&
      custody.withoutKey.length === 0 &&
      found.putBack === undefined
        ? 'ok'
        : 'degraded',
    notAnswering,
    takesWrites,
    ...(found.putBack === undefined ? {} : { putBack: found.putBack }),
    version,
    region,
    hsm: hsm.name,
    isHsmAnswering,
    ...(awayTokens.length === 0 ? {} : { awayTokens }),
    ...(privateTokens === undefined ? {} : { privateTokens }),
    ...(custody.withoutKey.length === 0 ? {} : { withoutCustodians: custody.withoutKey }),
    replicationAck: settings.replicationAck,
    links,
    workers: workers(),
    audit: { lost: audit.lost },
    queues: {
      inbox: inbox.visible + inbox.inFlight + inbox.delayed,
      outbox: parked.reduce((sum, each) => sum + each, outbox.visible + outbox.inFlight + outbox.delayed),
      deadLetters: dead.reduce((sum, { visible }) => sum + visible, unsent.length),
    },
  }
}
