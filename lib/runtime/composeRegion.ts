import type { CommitMark } from '../commitMark.ts'
import type { Hsm } from '../hsm/hsm.ts'
import { FailedAuthentications, failureLimit, type TakeFailure } from '../http/failedAuthentications.ts'
import type { DeadMessages, HttpPorts, VaultNames } from '../http/httpPorts.ts'
import type { AuditSink } from '../kms/audit.ts'
import { requestLog, type RequestWatch } from '../http/requestWatch.ts'
import { polledArrivals, type Arrivals } from '../http/arrivals.ts'
import { IdentityCache } from '../kms/identity/identityCache.ts'
import { SessionTokens } from '../kms/identity/sessionToken.ts'
import type { BackupStore } from '../kms/backup/backupPlace.ts'
import type { VaultEndpoints } from '../kms/kmsPorts.ts'
import type { RandomBytes } from '../ocid.ts'
import type { Clock, Logger, Queues, Tables, Timers } from '../ports.ts'
import { VaultCache } from '../kms/vaultCache.ts'
import { createHandOff } from '../replication/handOff.ts'
import { LagWindow } from '../replication/lagWindow.ts'
import { createIdentityHandOff } from '../replication/tenancy/handOffIdentity.ts'
import type { LagMeter, ReplicationPorts } from '../replication/replicationPorts.ts'
import { FetchedIssuerKeys } from './fetchedIssuerKeys.ts'
import type { RegionSettings } from './regionSettings.ts'
import { systemTimers } from './systemTimers.ts'

/** Those settings that are not the host's own business. */
export type RuntimeSettings = Omit<RegionSettings, 'cryptoAudit' | 'backupRoot' | 'backupUriHosts'>

/** What differs between hosts: where tables, queues and the HSM are, and how a vault is found by its host. */
export interface RegionOptions {
  readonly region: string
  /** The only region where identity is written. */
  readonly homeRegion: string
  readonly regions: readonly string[]
  readonly tables: Tables
  readonly queues: Queues
  readonly hsm: Hsm
  readonly endpoints: VaultEndpoints
  readonly vaultAt: HttpPorts['vaultAt']
  readonly vaultNames?: VaultNames
  readonly isRegionHost: HttpPorts['isRegionHost']
  readonly hasDecodedPaths: boolean
  readonly clock: Clock
  /** Undefined: the same clock. */
  readonly requestClock?: Clock
  readonly timers?: Timers
  /** Undefined: looked for again and again. */
  readonly arrivals?: Arrivals
  readonly random: RandomBytes
  readonly log: Logger
  readonly settings: RuntimeSettings
  readonly audit: AuditSink
  /** Undefined: a limit of this composition's own. */
  readonly takeFailure?: TakeFailure
  readonly lag?: LagMeter
  readonly commitMark?: () => CommitMark
  readonly maxFileBytes: number
  readonly backups: BackupStore
  readonly deadMessages?: DeadMessages
  /** Undefined: false. */
  readonly explainsRefusals?: boolean
  /** Undefined: each request is logged, and timed by the clock. */
  readonly requestWatch?: RequestWatch
}

/** Everything the functions of a region are given. */
export type Runtime = HttpPorts & ReplicationPorts

/** The only place that knows every room. */
export function composeRegion(options: RegionOptions): Runtime {
  const { settings, lag = new LagWindow(), timers = systemTimers, requestClock = options.clock, ...ports } = options
  const { explainsRefusals = false, requestWatch = requestLog(options.log, options.region, options.clock) } = options
  const takeFailure = options.takeFailure ?? failureLimit()
  const { arrivals = polledArrivals(timers, settings.arrivalsMs) } = options
  const { keyCacheMs, replicationAck, handOffBudgetMs } = settings
  const { requiresServicePolicy, preparesKeys, rateLimits, serviceLimits } = settings
  const handOff = { isStrict: replicationAck === 'strict', budgetMs: handOffBudgetMs }
  const identity = new IdentityCache(options, keyCacheMs)
  options.audit.keepFor?.((tenancyId) => identity.known(tenancyId)?.auditRetentionDays)
  return {
    ...ports,
    requiresServicePolicy,
    preparesKeys,
    rateLimits,
    serviceLimits,
    lag,
    timers,
    requestClock,
    arrivals,
    explainsRefusals,
    requestWatch,
    cache: new VaultCache(options, keyCacheMs),
    identity,
    sessions: new SessionTokens(options),
    issuerKeys: new FetchedIssuerKeys(settings.issuerHosts, requestClock),
    failedAuthentications: new FailedAuthentications({ ...ports, takeFailure, identity }),
    handOff: createHandOff({ ...ports, timers }, handOff),
    identityHandOff: createIdentityHandOff({ ...ports, timers }, handOff),
  }
}
