import type { Item, Page, PageRequest, TableName, Tables } from '../../ports.ts'
import { versionSkPrefix, type KeyVersionRow } from './rows.ts'

/** A query's pages from `first.after` on. The next one is read when it is asked for: who stops reads no more. */
export async function* eachPage(
  read: (request: PageRequest) => Promise<Page>,
  first: PageRequest,
): AsyncGenerator<readonly Item[]> {
  for (let request = first; ;) {
    const { items, next } = await read(request)
    yield items
    if (next === undefined) return
    request = { ...first, after: next }
  }
}

/** The same, item by item. */
export async function* eachItem(
  read: (request: PageRequest) => Promise<Page>,
  first: PageRequest,
): AsyncGenerator<Item> {
  for await (const items of eachPage(read, first)) yield* items
}

/** Every row of a listing partition; the rows' MACs are not checked. */
export async function* eachRow<R>(
  tables: Pick<Tables, 'queryIndex'>,
  table: TableName,
  gpk: string,
): AsyncGenerator<R> {
  const read = (request: PageRequest) => tables.queryIndex(table, 'byTime', gpk, request)
  for await (const item of eachItem(read, { limit: 1000 })) yield item as unknown as R
}

/** Every version of a key, DELETED ones too, by material id; the rows' MACs are not checked. */
export async function* eachVersion(tables: Pick<Tables, 'query'>, keyId: string): AsyncGenerator<KeyVersionRow & Item> {
  const read = (request: PageRequest) => tables.query('Keys', keyId, versionSkPrefix, request)
  for await (const item of eachItem(read, { limit: 200 })) yield item as KeyVersionRow & Item
}
