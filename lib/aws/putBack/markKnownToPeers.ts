import type { Logger, Tables, Timers } from '../../ports.ts'
import { peerMark } from '../../replication/peerMarks.ts'
import { withinBudget } from '../../replication/withinBudget.ts'

export interface PeerAskingPorts {
  readonly region: string
  readonly peers: readonly string[]
  /** Another region's tables. */
  readonly tablesOf: (region: string) => Pick<Tables, 'get'>
  readonly timers: Timers
  readonly log: Logger
}

/** A peer that does not answer holds nobody up: it is asked again at the next comparison. */
const budgetMs = 1_000

/** The largest mark of this region that its peers know of; 0 where none of them answers or was ever told. */
export async function markKnownToPeers({ region, peers, tablesOf, timers, log }: PeerAskingPorts): Promise<number> {
  const known = await Promise.all(
    peers.map(async (peer) => {
      try {
        return await withinBudget(timers, peerMark(tablesOf(peer), region), budgetMs, peer)
      } catch (cause) {
        log.info('A peer cannot be asked what it knows of this region.', { peer, cause: String(cause) })
        return 0
      }
    }),
  )
  return Math.max(0, ...known)
}
