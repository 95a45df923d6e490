import type { KmsPorts } from '../kms/kmsPorts.ts'

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
  /** Whether wrapping keys and backup keys are made in the background, or only when they are first needed. */
  readonly preparesKeys: boolean
}

/** Time from a commit to its receipt, measured on one clock: the sender's. */
export interface LagMeter {
  record(peer: string, lagMs: number): void
  /** Resources that a replica had acknowledged and turned out not to have: each is a bug or damage. */
  diverged(peer: string, count: number): void
}
