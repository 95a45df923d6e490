import type { Arrivals } from '../../lib/http/arrivals.ts'
import type { TakeFailure } from '../../lib/http/failedAuthentications.ts'
import type { RequestWatch } from '../../lib/http/requestWatch.ts'
import type { Hsm } from '../../lib/hsm/hsm.ts'
import type { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { pooledRandom } from '../../lib/pooledRandom.ts'
import type { Tables } from '../../lib/ports.ts'
import type { LagWindow } from '../../lib/replication/lagWindow.ts'
import { composeRegion, type Runtime } from '../../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { deadMessages } from './deadMessages.ts'
import type { RegionHosts } from '../names/regionHosts.ts'
import { maxFileBytes } from './openBackups.ts'
import type { RegionParts } from './region.ts'

/** A region as its own thread has it. */
export function composeEmbedded(
  parts: RegionParts,
  { store, tables }: { readonly store: SqliteRegionStore; readonly tables: Tables },
  hsm: Hsm,
  lag: LagWindow,
  audit: GroupedAuditSink,
  {
    hosts,
    ...watched
  }: {
    readonly hosts: RegionHosts
    readonly arrivals: Arrivals
    readonly takeFailure: TakeFailure
    readonly requestWatch: RequestWatch
  },
): Runtime {
  const { region, homeRegion, regions, faults, settings, log, clock, peers } = parts
  // Before its first change.
  store.runs.begin(store.tables.commitMark())
  return composeRegion({
    region,
    homeRegion,
    regions,
    tables,
    commitMark: () => {
      const mark = store.tables.commitMark()
      const run = store.runs.of(mark)
      return run === undefined ? { mark } : { mark, run: run.id }
    },
    queues: { send: (to, messages) => faults.send(region, to, messages, peers.get(to.region)) },
    hsm,
    endpoints: hosts.endpoints,
    vaultAt: (host, port) => hosts.vaultAt(host, port),
    ...(hosts.vaultNames && { vaultNames: hosts.vaultNames }),
    isRegionHost: (host, port) => hosts.isRegionHost(host, port),
    hasDecodedPaths: false,
    clock,
    requestClock: parts.requestClock,
    random: pooledRandom(),
    log,
    settings,
    audit,
    maxFileBytes,
    backups: parts.backups,
    deadMessages: deadMessages(store),
    lag,
    explainsRefusals: true,
    ...watched,
  })
}
