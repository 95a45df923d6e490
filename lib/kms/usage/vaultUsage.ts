import type { ProtectionMode } from '../../hsm/hsm.ts'
import { keyPartitions } from '../rows/listing.ts'
import { eachRow } from '../rows/pages.ts'
import type { Tables } from '../../ports.ts'
import type { KeyRow, VaultRow } from '../rows/rows.ts'

export interface Counts {
  readonly keys: number
  readonly versions: number
}

export type VaultUsage = Readonly<Record<ProtectionMode, Counts>>

/** Counts what is not DELETED, over all compartments, from the vault's listing: a page of 1,000 keys a read. */
export async function vaultUsage(
  { tables }: { readonly tables: Pick<Tables, 'queryIndex'> },
  vault: Pick<VaultRow, 'id' | 'lifecycleState'>,
): Promise<VaultUsage> {
  const counts = { HSM: { keys: 0, versions: 0 }, SOFTWARE: { keys: 0, versions: 0 } }
  if (vault.lifecycleState === 'DELETED') return counts
  await Promise.all(
    keyPartitions(vault.id).map(async (gpk) => {
      for await (const { protectionMode, versionCount, lifecycleState } of eachRow<KeyRow>(tables, 'Keys', gpk)) {
        if (lifecycleState === 'DELETED') continue
        counts[protectionMode].keys += 1
        counts[protectionMode].versions += versionCount
      }
    }),
  )
  return counts
}
