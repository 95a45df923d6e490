import type { KmsPorts } from '../kms/kmsPorts.ts'

export type ReplicationPorts = Pick<
  KmsPorts,
  'region' | 'homeRegion' | 'tables' | 'queues' | 'hsm' | 'clock' | 'random' | 'cache' | 'handOff' | 'log'
> & {
  /** All regions of the deployment; identity goes to each. */
  readonly regions: readonly string[]
  readonly lag: LagMeter
}

/** Time from a commit to its receipt, measured on one clock: the sender's. */
export interface LagMeter {
  record(peer: string, lagMs: number): void
}
