import type { ProtectionMode } from '../hsm/hsm.ts'
import { keyPartitions } from './listing.ts'
import type { TableName, Tables } from './ports.ts'
import type { KeyRow, VaultRow } from './rows.ts'

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

/** Every row of a listing partition, for counting: the rows' MACs are not checked. */
export async function* eachRow<R>(
  tables: Pick<Tables, 'queryIndex'>,
  table: TableName,
  gpk: string,
): AsyncGenerator<R> {
  for (let after: string | undefined; ;) {
    const page = await tables.queryIndex(table, 'byTime', gpk, {
      limit: 1000,
      ...(after === undefined ? {} : { after }),
    })
    yield* page.items as unknown as readonly R[]
    if (page.next === undefined) return
    after = page.next
  }
}
