import { UserError } from '../../../userError.ts'
import { isSameContext } from '../../formats/sameContext.ts'
import type { VaultContext } from '../../hsm.ts'
import type { PartitionEntry } from '../../partitionEntry.ts'
import { poolLabels } from './ownTokens.ts'
import { hasRoots } from '../roots/regionObjects.ts'
import { partitionToken } from '../roots/regionToken.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { markIn } from '../roots/vaultMarker.ts'

/**
 * That each private vault of a region that moves into a token gets one of its own, before any is taken. `partitions`: what an
 * attempt that was cut off has taken; what vaults that are gone since have of that is free again. @throws UserError
 */
export function requireTokensFor(
  vaults: readonly VaultContext[],
  partitions: Readonly<Record<string, PartitionEntry>>,
  token: TokenOptions,
): void {
  const vaultOf = ({ vault }: PartitionEntry): VaultContext => ({ ...vault, isPrivate: true })
  const has = (entry: PartitionEntry, vault: VaultContext) => isSameContext(vaultOf(entry), vault)
  const taken = Object.values(partitions).filter(({ phase }) => phase === 'taken')
  const waiting = vaults.filter((vault) => !taken.some((entry) => has(entry, vault))).length
  if (waiting === 0) return
  const released = taken.filter((entry) => !vaults.some((vault) => has(entry, vault))).length
  const isFree = (label: string) => {
    const phase = partitions[label]?.phase
    return phase === undefined ? isEmpty({ ...token, label }) : phase === 'emptying'
  }
  const free = poolLabels(token).filter(isFree).length + released
  if (free >= waiting) return
  throw new UserError(
    `Each private vault needs a token of its own, and there are not enough (${waiting} wanted, ${free} free): make more with "hsm init --private" and begin again. Nothing was changed.`,
  )
}

/** With its roots, and no vault's: one that was emptied or is half made has none. */
export function isEmpty(token: TokenOptions): boolean {
  try {
    return partitionToken(token).bare((session) => hasRoots(session) && markIn(session) === undefined)
  } catch (cause) {
    if (cause instanceof UserError) return false
    throw cause
  }
}
