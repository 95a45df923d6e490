import type { VaultContext } from './hsm.ts'

/**
 * What stands in a region's state about a token of its pool; about a free one nothing does. `emptying` and `ending` were begun
 * and are finished after a crash: the first makes it free again, with new roots; after the second it is spent until hsm init.
 */
export interface PartitionEntry {
  readonly phase: 'taken' | 'emptying' | 'ending' | 'spent'
  readonly vault: Omit<VaultContext, 'isPrivate'>
}
