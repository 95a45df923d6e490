import { prepareRules } from '../../lib/iam/rulesOf.ts'
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
    if (table === 'Identity') prepareRulesSoon(identity, pk)
    else if (table === 'Vaults' || table === 'Keys') cache.invalidate(table, pk, sk)
  }
}

/**
 * The next request waits for the rules as they are then, whoever makes them; where there is a moment before it, they are made
 * by now. What a tenancy was not asked for in this process is not made.
 */
function prepareRulesSoon(identity: Runtime['identity'], tenancyId: string): void {
  const before = identity.known(tenancyId)
  identity.invalidate(tenancyId)
  if (before === undefined) return
  setImmediate(() => {
    if (identity.fresh(tenancyId) !== undefined) return
    identity.tenancy(tenancyId).then(
      (tenancy) => {
        prepareRules(tenancy, tenancyId, before)
      },
      // Whoever asks is told why it cannot be read.
      () => undefined,
    )
  })
}

function isCached({ table }: TouchedItem): boolean {
  return table === 'Vaults' || table === 'Keys' || table === 'Identity'
}
