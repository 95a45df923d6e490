import type { Logger } from '../../lib/ports.ts'
import { messageOf } from '../../lib/userError.ts'
import { recover } from '../../lib/replication/takeBack/recover.ts'
import type { RegionHost } from '../region/regionHost.ts'
import { ComparedPeer, type FoundBehind } from './comparedPeer.ts'
import { PeerTls } from './peerTls.ts'
import type { ApartPeers, ComparedRegion, Opening } from './protocol.ts'

/** The regions on other machines, and whether one of them knows more of this one than it has. */
export class ApartRegions {
  readonly peers: readonly ComparedPeer[]
  /** How many changes this region had committed when it was opened. */
  #has = 0

  constructor(region: string, { peers, own }: ApartPeers, onBehind: (found: FoundBehind) => void) {
    this.peers = peers.map(
      (peer) =>
        new ComparedPeer({
          region,
          name: peer.region,
          peer: new PeerTls(peer, own),
          has: () => this.#has,
          onBehind,
        }),
    )
  }

  openedWith(mark: number): void {
    this.#has = mark
  }

  compare(): Promise<readonly ComparedRegion[]> {
    return Promise.all(
      this.peers.map(async (each) => {
        const { name: peer } = each
        try {
          const behind = await each.compare()
          return behind === undefined ? { peer } : { peer, behind }
        } catch (cause) {
          return { peer, unreached: messageOf(cause) }
        }
      }),
    )
  }

  /** INVARIANT: nothing is sent or served before. */
  async takeBack(
    host: RegionHost,
    { homeRegion }: Pick<Opening, 'homeRegion'>,
    { tenancyId }: Pick<ApartPeers, 'tenancyId'>,
    behind: FoundBehind,
    log: Logger,
  ): Promise<void> {
    const told = this.peers.map((peer) => peer.questions())
    await recover({ homeRegion, tenancyIds: [tenancyId] }, host, told, behind, log)
    for (const peer of this.peers) peer.isSettled()
  }
}
