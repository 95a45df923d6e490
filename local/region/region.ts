import type { RsaGenerator } from '../../lib/hsm/software/material.ts'
import type { ProvisionedHsm } from '../../lib/hsm/provisionedHsm.ts'
import type { HttpResponse } from '../../lib/http/wireRequest.ts'
import type { BackupStore } from '../../lib/kms/backup/backupPlace.ts'
import type { Clock, Logger, QueueMessage, QueueName } from '../../lib/ports.ts'
import type { PutBack } from '../../lib/replication/takeBack/recover.ts'
import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import type { VaultPorts } from '../directory/portDirectory.ts'
import type { CustodyWatch } from '../hsm/custody.ts'
import type { NameOrigins } from '../names/advertised.ts'
import type { WorkerSettings } from '../workers/regionWorkers.ts'
import type { InsideRequest } from './answerInside.ts'
import type { Faults } from './faults.ts'
import type { RegionHealth } from './regionHealth.ts'

export interface RegionParts {
  readonly region: string
  readonly homeRegion: string
  readonly regions: readonly string[]
  readonly directory: DataFiles
  readonly ports: VaultPorts
  readonly faults: Faults
  readonly settings: CloudSettings
  /** All regions share one, so that a backup opens in another. */
  readonly backups: BackupStore
  readonly log: Logger
  readonly clock: Clock
  readonly requestClock: Clock
  /** Whether what falls due and reconciliation are looked at every minute. */
  readonly isScheduled: boolean
  readonly generateRsa?: RsaGenerator
  /** Undefined: this thread alone answers. */
  readonly workers?: WorkerSettings
  /** How each region, this one too, is sent to, by name, once it is open. */
  readonly peers: ReadonlyMap<string, Peer>
}

/** A region's queues as others see them. */
export interface Peer {
  /** Resolves when all messages are durable there. @throws where it cannot be reached: then some may have arrived. */
  send(name: QueueName, messages: readonly QueueMessage[]): Promise<void>
}

/** Where a region's files lie. */
export interface DataFiles {
  /** A file below the directory; undefined where everything lives in memory. */
  file(...parts: readonly string[]): string | undefined
}

/** A region of the embedded cloud: opened first, started when every region is open. */
export interface Region {
  readonly name: string
  readonly runtime: Runtime
  readonly store: SqliteRegionStore
  readonly hsm: ProvisionedHsm
  readonly custody: CustodyWatch
  /** What its tokens keep may go on to processes elsewhere. */
  readonly allowsSoftwareReplicas: boolean
  /** Starts the pumps. */
  run(): void
  /**
   * Listens for the region itself, or for a vault; resolves with the port. @throws UserError where the region's own is
   * taken, the system's error where a vault's is.
   */
  listen(port: number, vaultId?: string): Promise<number>
  /** How every region's names are reached. */
  advertise(origins: NameOrigins): void
  isIdle(): boolean
  /** As when one of its threads dies. @throws where there is none of that number. */
  killWorker(index: number): Promise<void>
  /** As when one of its threads never leaves a computation. @throws as killWorker. */
  hangWorker(index: number): Promise<void>
  health(): Promise<RegionHealth>
  answer(request: InsideRequest): Promise<HttpResponse>
  /** For /healthz. */
  notePutBack(putBack: PutBack): void
  /** Does now what is done every minute. */
  runDue(): Promise<void>
  /** Ends its work; the store stays open, because other regions may still send to its queues. */
  stop(): Promise<void>
}
