import type { Logger, Tables } from '../../lib/ports.ts'
import { messageOf } from '../../lib/userError.ts'
import { notedBehind, noteBehind, type FoundBehind } from '../../lib/replication/takeBack/foundBehind.ts'
import { missingChanges, type OwnChanges } from '../../lib/replication/takeBack/missingChanges.ts'
import { recover } from '../../lib/replication/takeBack/recover.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import type { RegionHost } from '../region/regionHost.ts'
import { ComparedPeer } from './comparedPeer.ts'
import { PeerTls } from './peerTls.ts'
import type { ApartPeers, ComparedRegion, Opening } from './protocol.ts'

/** The regions on other machines, and whether one of them knows more of this one than it has. */
export class ApartRegions {
  readonly peers: readonly ComparedPeer[]
  readonly #log: Pick<Logger, 'error'>
  #own: OwnChanges = { has: 0, runOf: () => undefined }
  #tables: Pick<Tables, 'get' | 'write'> | undefined

  constructor(
    region: string,
    { peers, own }: ApartPeers,
    onBehind: (found: FoundBehind) => void,
    log: Pick<Logger, 'error'>,
  ) {
    this.#log = log
    this.peers = peers.map(
      (peer) =>
        new ComparedPeer({
          region,
          name: peer.region,
          peer: new PeerTls(peer, own),
          missing: (known) => missingChanges(this.#own, known),
          note: (found) => this.#note(found),
          onBehind,
        }),
    )
  }

  /** Before anything is changed. */
  openedWith({ tables, runs }: Pick<SqliteRegionStore, 'tables' | 'runs'>): void {
    this.#own = { has: tables.commitMark(), runOf: (mark) => runs.of(mark) }
    this.#tables = tables
  }

  async compare(): Promise<readonly ComparedRegion[]> {
    const compared = await Promise.all(
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
    // By an earlier process: whoever found it may be away now.
    const noted = this.#tables === undefined ? undefined : await notedBehind(this.#tables)
    return noted === undefined ? compared : [...compared, { peer: noted.peer, behind: noted }]
  }

  async #note(found: FoundBehind): Promise<void> {
    try {
      if (this.#tables !== undefined) await noteBehind(this.#tables, found)
    } catch (cause) {
      // It must end nonetheless.
      this.#log.error('The next start is not told that this region is an older copy.', cause, { peer: found.peer })
    }
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
