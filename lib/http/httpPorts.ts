import type { Clock } from '../ports.ts'
import type { AuditSink } from '../kms/audit.ts'
import type { IdentityCache } from '../kms/identity/identityCache.ts'
import type { SessionTokens } from '../kms/identity/sessionToken.ts'
import type { BackupStore } from '../kms/backup/backupPlace.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import type { JwkSet } from '../iam/oidc/jwkSet.ts'
import type { Arrivals } from './arrivals.ts'
import type { FailedAuthentications } from './failedAuthentications.ts'
import type { RateLimits } from './rateLimit.ts'
import type { RequestWatch } from './requestWatch.ts'

/** Messages that a region's queues gave up. */
export interface DeadMessages {
  /** Has a tenancy's worked again, at most so many of each queue; resolves with how many. */
  redrive(tenancyId: string, limit: number): Promise<number>
}

/** Keys as their issuer publishes them; kept for a while, for whoever asks next. */
export interface IssuerKeys {
  /**
   * `isStale`: those that are kept do not have the key that is looked for. Then they are fetched anew, unless they are young.
   * @throws KmsError unavailable where the place does not answer with a set, invalidParameter where it may not be asked.
   */
  at(uri: string, isStale?: boolean): Promise<JwkSet>
  /** For a place that is to be stored. @throws KmsError invalidParameter */
  requireAllowed(uri: string): void
}

/** The names of vaults, which a region has whether a vault answers there or not. */
export interface VaultNames {
  has(host: string, listenerPort?: number): boolean
  /** Looks for a vault at a name that none has: what a name costs that leads nowhere. */
  findNone(): Promise<unknown>
}

export interface HttpPorts extends KmsPorts {
  /** Requests a second of a tenancy, by class; null: unlimited. */
  readonly rateLimits: RateLimits | null
  /** The largest file that a restore takes, in bytes. */
  readonly maxFileBytes: number
  readonly backups: BackupStore
  /** Undefined where the queues have a redrive of their own, as on AWS. */
  readonly deadMessages?: DeadMessages
  readonly identity: IdentityCache
  readonly sessions: SessionTokens
  /** The public keys of trusted issuers that name a place for them. */
  readonly issuerKeys: IssuerKeys
  readonly audit: AuditSink
  readonly failedAuthentications: FailedAuthentications
  readonly arrivals: Arrivals
  /** By which requests' dates are judged: callers' clocks do not move along where a test moves the service's. */
  readonly requestClock: Clock
  /** Whether a host is the region's own endpoint. `listenerPort`: where the request came in, if the host has several ports. */
  isRegionHost(host: string, listenerPort?: number): boolean
  /** Whether the host gives paths decoded, so that a signature may be over another spelling of them (signedTargets.ts). */
  readonly hasDecodedPaths: boolean
  /** The OCID of the vault that answers at a host; undefined for the region's own endpoint and for unknown hosts. */
  vaultAt(host: string, listenerPort?: number): Promise<string | undefined> | string | undefined
  /** Undefined where vaults answer at no names. */
  readonly vaultNames?: VaultNames
  /** Whether who may get a resource is told which permission is missing for it. */
  readonly explainsRefusals: boolean
  /** What looks on as requests are answered. */
  readonly requestWatch: RequestWatch
  /** Whether createVaultReplica needs the service statement (contract §5.4). */
  readonly requiresServicePolicy: boolean
}
