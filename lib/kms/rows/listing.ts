import type { JsonObject } from '../../canonicalJson.ts'
import { compareUtf8 } from '../../compareUtf8.ts'
import { KmsError } from '../../errors.ts'
import type { VaultKeys } from '../../hsm/hsm.ts'
import { pageBytes, type IndexName, type Item, type TableName, type Tables } from '../../ports.ts'
import { verifiedRow } from './rowMac.ts'
import type { KeyRow, ListedRow } from './rows.ts'
import { keyListingPartition, listingShards } from './rows.ts'

export interface ListRequest {
  readonly limit: number
  readonly after?: string
  readonly index: IndexName
  readonly descending: boolean
}

export interface ListPage<T> {
  readonly items: readonly T[]
  readonly next?: string
}

/** How many rows a page may cost that has not as many to show: a caller who wants more asks for the next page. */
const maxLookedAt = 2000

/**
 * One sorted page out of several index partitions. It is short where it has grown large or where `keep` refuses much: it
 * may even be empty though more follow, so that no page costs more than its own length or `maxLookedAt`.
 */
export async function listPage(
  { tables }: { readonly tables: Pick<Tables, 'queryIndex'> },
  table: TableName,
  partitions: readonly string[],
  request: ListRequest,
  keep: (item: Item) => boolean,
): Promise<ListPage<Item>> {
  const { index, limit, descending } = request
  const kept: Item[] = []
  let bytes = 0
  let lookedAt = 0
  let after = request.after
  for (;;) {
    const pages = await Promise.all(
      partitions.map((gpk) =>
        tables.queryIndex(table, index, gpk, {
          limit: pageSize(limit, partitions.length),
          descending,
          ...(after === undefined ? {} : { after }),
        }),
      ),
    )
    const merged = pages.flatMap((page) => page.items).sort((a, b) => compare(a[index], b[index], descending))
    // What lies beyond the shortest unfinished page is not yet known to be next: it is left to the next round.
    const horizons = pages.filter((page) => page.next !== undefined).map((page) => page.next)
    const horizon = horizons.sort((a, b) => compare(a, b, descending))[0]
    const known =
      horizon === undefined ? merged : merged.filter((item) => compare(item[index], horizon, descending) <= 0)
    for (const item of known) {
      if (!keep(item)) continue
      if (kept.length === limit || bytes >= pageBytes) return { items: kept, next: String(kept.at(-1)?.[index]) }
      kept.push(item)
      bytes += JSON.stringify(item).length
    }
    if (horizon === undefined) return { items: kept }
    lookedAt += merged.length
    if (lookedAt >= maxLookedAt) return { items: kept, next: horizon }
    after = horizon
  }
}

/**
 * A row that is to be shown: its MAC is checked, and that it belongs where it was listed. An index is a copy that a table's
 * writer made, so nothing in it is true before.
 * @throws KmsError integrityFailure
 */
export function openListed<R extends ListedRow>(
  keys: VaultKeys,
  format: R['format'],
  item: Item,
  partitions: readonly string[],
): R {
  const row = verifiedRow<R>(keys, format, item)
  if (partitions.includes(row.gpk)) return row
  throw new KmsError('integrityFailure', `The row ${item.sk} of ${item.pk} was listed where it does not belong.`)
}

function pageSize(limit: number, partitions: number): number {
  return Math.min(1000, partitions === 1 ? limit + 1 : Math.ceil((limit + 1) / partitions) + 8)
}

/** By UTF-8 bytes, as the tables sort. */
function compare(a: string | undefined, b: string | undefined, descending: boolean): number {
  const ascending = compareUtf8(a ?? '', b ?? '')
  return descending ? -ascending : ascending
}

export function keyPartitions(vaultId: string): readonly string[] {
  return Array.from({ length: listingShards }, (_, shard) => keyListingPartition(vaultId, shard))
}

export interface KeyFilter {
  readonly compartmentId: string
  readonly protectionMode?: string
  readonly algorithm?: string
  readonly length?: number
  readonly curveId?: string
}

export function keyMatches(filter: KeyFilter): (item: Item) => boolean {
  return (item) => {
    const row = item as unknown as KeyRow
    const shape: JsonObject & { algorithm?: string } = { ...row.shape }
    return (
      row.compartmentId === filter.compartmentId &&
      (filter.protectionMode === undefined || row.protectionMode === filter.protectionMode) &&
      (filter.algorithm === undefined || shape.algorithm === filter.algorithm) &&
      (filter.length === undefined || shape['length'] === filter.length) &&
      (filter.curveId === undefined || shape['curveId'] === filter.curveId)
    )
  }
}
