import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import type { FaultCommands } from '../control/faultServer.ts'
import type { PortRow } from '../directory/hostDirectory.ts'
import type { RegionHost } from '../region/regionHost.ts'
import type { Certificate } from '../tls/certificateFiles.ts'
import type { FoundBehind } from '../../lib/replication/takeBack/foundBehind.ts'
import type { PinnedPeer } from './peerTls.ts'

/** What a region's process is told before all else. */
export interface Opening {
  readonly region: string
  readonly homeRegion: string
  readonly regions: readonly string[]
  /** The data directory. */
  readonly path: string
  readonly settings: CloudSettings
  readonly logLevel: LogLevel
  /** Undefined: none, the region's one thread does all. */
  readonly workers?: number
  /** The ports that vaults have already, in all regions. */
  readonly ports: readonly PortRow[]
  /** Undefined: all regions are on this machine. */
  readonly apart?: ApartPeers
}

/** How a region reaches those on other machines, and they it. */
export interface ApartPeers {
  readonly tenancyId: string
  readonly host: string
  readonly port: number
  readonly own: Certificate
  readonly peers: readonly PinnedPeer[]
}

/** What a cloud's process asks of a region's. Arguments and answers cross by structured clone. */
export interface RegionCommands extends Omit<RegionHost, 'name'> {
  open(opening: Opening): Promise<void>
  break: FaultCommands['break']
  /** How far ahead the clock is from now on, in milliseconds; said twice it is as once. */
  goTo(aheadMs: number): Promise<void>
  slow(a: string, b: string, delayMs: number): Promise<void>
  heal: FaultCommands['heal']
  /** Has messages of other regions wait, unanswered; resolves when none is being stored. Until `releaseInbox`. */
  holdInbox(): Promise<void>
  releaseInbox(): Promise<void>
  /**
   * Until `thaw` the file of the region's store stays as it is, and holds all that is committed by now. Resolves with how many
   * changes that are. @throws where messages are not held: what comes in would not be of one moment with the other regions.
   */
  freeze(): Promise<number>
  thaw(): Promise<void>
  /** As when one of its threads dies. @throws where there is none of that number. */
  killWorker(index: number): Promise<void>
  /** As when one of its threads never leaves a computation. @throws as killWorker. */
  hangWorker(index: number): Promise<void>
  /** Asks each region on another machine how many changes of this one it knows of. */
  comparePeers(): Promise<readonly ComparedRegion[]>
  /** Takes back what those have. @throws where one cannot be reached. */
  takeBack(behind: FoundBehind): Promise<void>
}

export interface ComparedRegion {
  readonly peer: string
  /** Undefined: it was reached; else why not. */
  readonly unreached?: string
  /** Undefined: it knows of nothing that is missing here. */
  readonly behind?: FoundBehind
}

/** What a region's process asks of the cloud's. */
export interface CloudServices {
  /**
   * Where a vault listens in a region: it gets a port there first if it has none. 'full': the disk has no room to keep one,
   * which an error could not say across processes.
   */
  portOf(vaultId: string, region: string): Promise<number | 'full'>
  /** A peer that was not there at the start knows of changes that are missing here: this region must not go on. */
  isBehind(found: FoundBehind): Promise<void>
}
