import type { MessagePort } from 'node:worker_threads'
import type { HsmChange } from '../../lib/hsm/software/hsmCopy.ts'
import type { WorkerHsm } from '../hsm/hsmForWorkers.ts'
import type { ErrorCode } from '../../lib/errors.ts'
import type { AuditText } from '../../lib/kms/audit.ts'
import type { VaultEndpoints } from '../../lib/kms/kmsPorts.ts'
import type { FunctionName } from '../../lib/http/operations.ts'
import type { HttpEvent, HttpResponse } from '../../lib/http/wireRequest.ts'
import type { TouchedItem } from '../../lib/store/sqlite/sqliteTables.ts'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import type { EventRing } from './eventRing.ts'
import type { Broken } from '../region/faults.ts'
import type { CountedRequests } from '../metrics/requestMetrics.ts'

/** What a worker thread is told before all else. */
export interface WorkerStart {
  readonly region: string
  readonly homeRegion: string
  readonly regions: readonly string[]
  /** The region's database. */
  readonly file: string
  readonly settings: CloudSettings
  readonly logLevel: LogLevel
  readonly hsm: WorkerHsm
  readonly aheadMs: number
  /** Where the region itself listens, once it does. */
  readonly ownPort?: number
  /** How many there are: they share what a region may hold. */
  readonly count: number
  readonly notices: NoticePort
  /** How many requests for crypto it has answered: the worker counts, its region reads. */
  readonly answered: Int32Array
  /** Goes on with each turn of its event loop's clock: where it stands still the worker hangs. */
  readonly beats: Int32Array
  /** Where the worker leaves the events of the audit. */
  readonly events: EventRing
}

export interface NoticePort {
  readonly port: MessagePort
  /** How many notices were ever given; raised after each is in the port. */
  readonly given: Int32Array
}

/** What a worker must know before it begins another request. */
export type Notice =
  | { readonly kind: 'touched'; readonly items: readonly TouchedItem[] }
  | { readonly kind: 'hsm'; readonly change: HsmChange }
  | { readonly kind: 'clock'; readonly aheadMs: number }
  | { readonly kind: 'ownPort'; readonly port: number }
  /** Vaults and keys of which a record has arrived that is not stored; each time that one is named counts. */
  | { readonly kind: 'arrived' | 'worked'; readonly ids: readonly string[] }

/** What a region asks of a worker. */
export interface WorkerCommands {
  /** Resolves with the port once it listens there, beside the other workers. @throws the system's error. */
  listen(port: number, host: string): Promise<number>
  counted(): Promise<CountedRequests>
  stand(how: Broken | undefined): Promise<void>
  /** Stands still from now on, as one that never leaves a computation. */
  hang(): Promise<void>
  /** As HttpGateway.close. */
  closeListeners(): Promise<void>
  /** Lets running requests finish, then closes what it has open: nothing is asked of it afterwards. */
  end(): Promise<void>
}

type NamedVault = Parameters<VaultEndpoints['of']>[0]

/** What a worker asks of its region. Arguments and answers cross by structured clone. */
export interface RegionServices {
  /** The answer of a function that only the region itself has. */
  answer(serves: FunctionName, event: HttpEvent): Promise<HttpResponse>
  health(): Promise<object>
  metrics(): Promise<string>
  /** As VaultEndpoints.of. */
  endpointsOf(vault: NamedVault, region: string): Promise<{ management: string; crypto: string }>
  /** As VerifiedPorts.vaultAt. */
  vaultAt(port: number): Promise<VaultFound>
  /** As AuditSink.written. */
  auditWritten(event: AuditText): Promise<void>
  /** As FailedAuthenticationLimit.take. */
  takeFailure(tenancyId: string, now: number): Promise<number | undefined>
  /** As Arrivals.stored: resolves when they are stored. */
  stored(ids: readonly string[]): Promise<void>
  /** As Arrivals.awaited: whether it is worth looking again, asked once before each look. */
  arrived(waitId: string): Promise<boolean>
  /** Which tokens do not answer this worker; told again and again while there is one, and once when there is none. */
  tokensAway(labels: readonly string[]): Promise<void>
  /** No more looks. */
  stopWaiting(waitId: string): Promise<void>
}

/** An error of the union does not survive a clone as what it is. */
export type VaultFound =
  | { readonly vaultId: string | undefined; readonly isChecked: boolean }
  | { readonly refused: { readonly code: ErrorCode; readonly message: string } }

/** Sent by a worker beside calls: events lie in its ring; an event for which there was no room in it is sent as text. */
export const eventsWait = 0
