import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { RegionMetrics } from '../metrics/regionMetrics.ts'
import type { CountedRequests, RequestMetrics } from '../metrics/requestMetrics.ts'
import { regionHealth, type RegionHealth, type Watched } from './regionHealth.ts'
import type { RegionParts } from './region.ts'

interface Sources extends Watched, Pick<RegionParts, 'region' | 'regions' | 'settings' | 'faults' | 'peers'> {
  readonly store: SqliteRegionStore
  readonly runtime: Runtime
  readonly requests: RequestMetrics
  /** What each of its workers has counted. */
  readonly counted: () => Promise<readonly CountedRequests[]>
  /** How many of those answer at present. */
  readonly running: () => number
}

/** What a region answers about itself to whoever asks: GET /healthz and GET /metrics. */
export function regionPages({ requests, counted, running, regions, ...sources }: Sources): {
  readonly health: () => Promise<RegionHealth>
  readonly metrics: RegionMetrics
} {
  const { region, faults, peers } = sources
  // An empty message takes the same way as any other.
  const answers = (peer: string) =>
    answersInTime(faults.send(region, { region: peer, name: 'inbox' }, [], peers.get(peer)))
  const others = regions.filter((other) => other !== region)
  const health = () => regionHealth({ ...sources, peers: others, answers })
  return {
    health,
    metrics: new RegionMetrics({
      region,
      threads: async () => [requests.counted(), ...(await counted())],
      running: () => 1 + running(),
      health,
    }),
  }
}

/** A health check is answered soon, whatever a peer does. */
const answerMs = 1000

async function answersInTime(sent: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => {
      resolve(false)
    }, answerMs)
  })
  try {
    return await Promise.race([sent.then(() => true), late])
  } catch {
    return false
  } finally {
    clearTimeout(timer)
  }
}
