import type { ProtectionMode } from '../../hsm/hsm.ts'
import type { Tables } from '../../ports.ts'
import { listedKeys, type OpenedVault } from '../rows/listedRows.ts'

export interface Counts {
  readonly keys: number
  readonly versions: number
}

export type VaultUsage = Readonly<Record<ProtectionMode, Counts>>

/**
 * Counts what is not DELETED, over all compartments, from the vault's listing: a page of 1,000 keys a read.
 * @throws KmsError integrityFailure for a row whose MAC does not verify under the vault's keys.
 */
export async function vaultUsage(
  { tables }: { readonly tables: Pick<Tables, 'queryIndex'> },
  vault: OpenedVault,
): Promise<VaultUsage> {
  const counts = { HSM: { keys: 0, versions: 0 }, SOFTWARE: { keys: 0, versions: 0 } }
  if (vault.row.lifecycleState === 'DELETED') return counts
  for await (const { protectionMode, versionCount, lifecycleState } of listedKeys(tables, vault)) {
    if (lifecycleState === 'DELETED') continue
    counts[protectionMode].keys += 1
    counts[protectionMode].versions += versionCount
  }
  return counts
}
