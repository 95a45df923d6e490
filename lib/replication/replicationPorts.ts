import type { CommitMark } from '../commitMark.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import type { LagFigures } from './lagWindow.ts'

export type ReplicationPorts = Pick<
  KmsPorts,
  | 'region'
  | 'homeRegion'
  | 'tables'
  | 'queues'
  | 'hsm'
  | 'clock'
  | 'timers'
  | 'random'
  | 'cache'
  | 'handOff'
  | 'identityHandOff'
  | 'serviceLimits'
  | 'log'
> & {
  /** All regions of the deployment; identity goes to each. */
  readonly regions: readonly string[]
  readonly lag: LagMeter
  /** How many changes of its tables this region has ever committed, and by whom the last; undefined where nobody counts them. */
  readonly commitMark?: () => CommitMark
  /** Whether wrapping keys and backup keys are made in the background, or only when they are first needed. */
  readonly preparesKeys: boolean
}

/** A vault and the region of its replica. */
export interface VaultLink {
  readonly vaultId: string
  readonly peer: string
}

/** What is measured of replication; on AWS every process measures its own share. */
export interface LagMeter {
  /** Time from a commit to its receipt, on one clock: the sender's. */
  record(link: VaultLink, lagMs: number): void
  /** Resources that a replica had acknowledged and turned out not to have: each is a bug or damage. */
  diverged(link: VaultLink, count: number): void
  /** How old the oldest change is that a comparison found missing in the replica. */
  waiting(link: VaultLink, ageMs: number): void
  /** Of the link's last changes; undefined: this process measured none. */
  figures(link: VaultLink): LagFigures | undefined
}
