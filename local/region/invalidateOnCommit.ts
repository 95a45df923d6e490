import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import type { TouchedItem } from '../../lib/store/sqlite/sqliteTables.ts'

type Caches = Pick<Runtime, 'cache' | 'identity'>

/** In one process every write is seen, so nothing that is cached is ever stale. `told` is for its other threads. */
export function invalidateOnCommit(
  store: SqliteRegionStore,
  caches: Caches,
  told?: (items: readonly TouchedItem[]) => void,
): void {
  store.tables.onCommit((touched) => {
    const cached = touched.filter(isCached)
    if (cached.length === 0) return
    invalidate(caches, cached)
    told?.(cached)
  })
}

/** Drops what is cached of these. */
export function invalidate({ cache, identity }: Caches, items: readonly TouchedItem[]): void {
  for (const { table, pk, sk } of items) {
    if (table === 'Identity') identity.invalidate(pk)
    else if (table === 'Vaults' || table === 'Keys') cache.invalidate(table, pk, sk)
  }
}

function isCached({ table }: TouchedItem): boolean {
  return table === 'Vaults' || table === 'Keys' || table === 'Identity'
}
