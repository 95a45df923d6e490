import type { Hsm } from '../hsm/hsm.ts'
import type { AuditSink, HttpPorts } from '../http/httpPorts.ts'
import type { RateLimits } from '../http/rateLimit.ts'
import { IdentityCache } from '../kms/identityCache.ts'
import type { BackupStore } from '../kms/backup/backupPlace.ts'
import type { VaultEndpoints } from '../kms/kmsPorts.ts'
import type { RandomBytes } from '../kms/ocid.ts'
import type { Clock, Logger, Queues, Tables } from '../kms/ports.ts'
import type { ServiceLimits } from '../kms/serviceLimits.ts'
import { VaultCache } from '../kms/vaultCache.ts'
import { createHandOff, type HandOffOptions } from '../replication/handOff.ts'
import type { LagMeter, ReplicationPorts } from '../replication/replicationPorts.ts'

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
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: Logger
  /** How stale keys, vaults, policies and API keys may be: KEY_CACHE_MS. */
  readonly keyCacheMs: number
  readonly handOff: HandOffOptions
  readonly audit: AuditSink
  readonly requiresServicePolicy: boolean
  readonly lag?: LagMeter
  readonly preparesKeys: boolean
  readonly rateLimits: RateLimits | null
  readonly serviceLimits: ServiceLimits | null
  readonly maxFileBytes: number
  readonly backups: BackupStore
}

/** Everything the functions of a region are given. */
export type Runtime = HttpPorts & ReplicationPorts

const noMeter: LagMeter = { record: () => undefined }

/** The only place that knows every room. */
export function composeRegion(options: RegionOptions): Runtime {
  const { keyCacheMs, handOff, lag = noMeter, ...ports } = options
  return {
    ...ports,
    lag,
    cache: new VaultCache(options, keyCacheMs),
    identity: new IdentityCache(options, keyCacheMs),
    handOff: createHandOff(options, handOff),
  }
}
