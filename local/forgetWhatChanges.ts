import type { TableName } from '../lib/ports.ts'
import type { Runtime } from '../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../lib/store/sqlite/openSqliteRegionStore.ts'

/** In one process every write is seen, so nothing that is cached is ever stale. */
export function forgetWhatChanges(store: SqliteRegionStore, { cache, identity }: Runtime): void {
  const forget: Partial<Record<TableName, (pk: string, sk: string) => void>> = {
    Vaults: (pk, sk) => {
      cache.forget('Vaults', pk, sk)
    },
    Keys: (pk, sk) => {
      cache.forget('Keys', pk, sk)
    },
    Identity: (pk) => {
      identity.forget(pk)
    },
  }
  store.tables.onCommit((touched) => {
    for (const { table, pk, sk } of touched) forget[table]?.(pk, sk)
  })
}
