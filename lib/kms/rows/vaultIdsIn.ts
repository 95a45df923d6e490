import type { Item } from '../../ports.ts'
import { vaultSk } from './rows.ts'

/**
 * A tenancy's vaults and replicas among scanned rows of the table Vaults: for whatever must miss none. The listing index
 * lags behind, and a vault that moves from one of its partitions to another may be in neither as it is read. MACs are
 * not checked.
 */
export function vaultIdsIn(items: readonly Item[], tenancyId: string): readonly string[] {
  return items.filter(({ sk, tenancyId: of }) => sk === vaultSk && of === tenancyId).map(({ pk }) => pk)
}
