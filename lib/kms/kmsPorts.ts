import type { Hsm } from '../hsm/hsm.ts'
import type { RandomBytes } from '../ocid.ts'
import type { Clock, Logger, Queues, Tables, Timers } from '../ports.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from './rows/rows.ts'
import type { ServiceLimits } from './usage/serviceLimits.ts'
import type { Vault, VaultCache } from './vaultCache.ts'

/** Where a vault answers, computed per region and never stored. */
export interface VaultEndpoints {
  /** Bare origins: scheme, host and, where not the default, port (contract §1.4). */
  of(vault: Pick<VaultRow, 'id' | 'vaultPrefix'>, region: string): Promise<{ management: string; crypto: string }>
  /** The regions a vault can be replicated to, this one included. */
  readonly regions: readonly string[]
}

/** The rows of one change, as they will stand when the change is complete. */
export interface Change {
  readonly vault: Vault
  readonly key?: KeyRow
  readonly versions?: readonly KeyVersionRow[]
  /** The key's revision before the change: `key` and `versions` are all that was written since. Undefined: not known. */
  readonly before?: number
}

/** Sends a committed change to the replica's inbox before the caller gets an answer (lib/replication implements it). */
export interface HandOff {
  /** False where the change could not be handed off within the budget: it stays at risk until its receipt. */
  send(change: Change): Promise<boolean>
  /** True: a change that cannot be handed off is not answered with success (503). False: it is, and is listed as at risk. */
  readonly isStrict: boolean
}

/** Sends a tenancy's identity to every other region before a change of it is answered (lib/replication implements it). */
export interface IdentityHandOff {
  /** Resolves with the regions that could not be reached within the budget. */
  send(tenancyId: string): Promise<readonly string[]>
  /** As in HandOff. */
  readonly isStrict: boolean
}

/** Every port of the domain. A function takes a Pick of exactly those it uses. */
export interface KmsPorts {
  readonly region: string
  readonly homeRegion: string
  readonly tables: Tables
  readonly queues: Queues
  readonly hsm: Hsm
  readonly clock: Clock
  readonly timers: Timers
  readonly random: RandomBytes
  readonly endpoints: VaultEndpoints
  readonly cache: VaultCache
  readonly handOff: HandOff
  readonly identityHandOff: IdentityHandOff
  /** null: as many as one likes. */
  readonly serviceLimits: ServiceLimits | null
  readonly log: Logger
}
