import type { TableName } from '../lib/ports.ts'
import type { Runtime } from '../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'

/** In one process every write is seen, so nothing that is cached is ever stale. */
export function invalidateOnCommit(store: SqliteRegionStore, { cache, identity }: Runtime): void {
  const invalidate: Partial<Record<TableName, (pk: string, sk: string) => void>> = {
    Vaults: (pk, sk) => {
      cache.invalidate('Vaults', pk, sk)
    },
    Keys: (pk, sk) => {
      cache.invalidate('Keys', pk, sk)
    },
    Identity: (pk) => {
      identity.invalidate(pk)
    },
  }
  store.tables.onCommit((touched) => {
    for (const { table, pk, sk } of touched) invalidate[table]?.(pk, sk)
  })
}
