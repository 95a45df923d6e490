import type { StatementSync } from 'node:sqlite'
import { KmsError } from '../../errors.ts'
import { pageBytes, type IndexName, type Item, type TableName } from '../../ports.ts'
import type { EncodedWrite } from '../encodeWrites.ts'
import type { KeyRange } from '../keyRange.ts'
import type { ScanPlace } from '../scanPlace.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'
import { parseJson } from '../../parseJson.ts'

interface Row {
  readonly pk: string
  readonly sk: string
  readonly expires_at: number | null
  readonly gpk: string | null
  readonly by_time: string | null
  readonly by_name: string | null
  readonly body: string
}

const columns = 'pk, sk, expires_at, gpk, by_time, by_name, body'
/** In this order. */
type Columns = readonly [
  Row['pk'],
  Row['sk'],
  Row['expires_at'],
  Row['gpk'],
  Row['by_time'],
  Row['by_name'],
  Row['body'],
]

interface Direction {
  readonly ascending: StatementSync
  readonly descending: StatementSync
}

/** SQLite sorts every blob behind every text, so that this ends a range that has no end. */
const beyondAllText = new Uint8Array(1)

interface ItemPage {
  readonly items: Item[]
  /** It has grown to `pageBytes`; more may follow. */
  readonly isCut: boolean
}

const notExpired = '(expires_at IS NULL OR expires_at > ?)'

/** The prepared statements over the table `item`. Times are milliseconds; the column holds seconds, as the port does. */
export class ItemStatements {
  readonly #get: StatementSync
  readonly #put: StatementSync
  readonly #delete: StatementSync
  readonly #sweep: StatementSync
  readonly #scan: StatementSync
  readonly #bySk: Direction
  readonly #byIndex: Readonly<Record<IndexName, Direction>>

  constructor(database: Pick<SqliteDatabase, 'prepare'>) {
    // A page has hundreds of rows: an object with a name for each column costs a fifth more.
    const rows = (text: string): StatementSync => {
      const statement = database.prepare(text)
      statement.setReturnArrays(true)
      return statement
    }
    this.#get = database.prepare(`SELECT ${columns} FROM item WHERE tbl = ? AND pk = ? AND sk = ? AND ${notExpired}`)
    this.#put = database.prepare(
      `INSERT INTO item (tbl, pk, sk, body, expires_at, gpk, by_time, by_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (tbl, pk, sk) DO UPDATE SET body = excluded.body, expires_at = excluded.expires_at,
         gpk = excluded.gpk, by_time = excluded.by_time, by_name = excluded.by_name`,
    )
    this.#delete = database.prepare('DELETE FROM item WHERE tbl = ? AND pk = ? AND sk = ?')
    this.#sweep = database.prepare(
      'DELETE FROM item WHERE rowid IN (SELECT rowid FROM item WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)',
    )
    this.#scan = rows(
      `SELECT ${columns} FROM item WHERE tbl = ? AND (pk, sk) > (?, ?) AND ${notExpired} ORDER BY pk, sk LIMIT ?`,
    )
    const direction = (partition: string, key: string): Direction => {
      const select = `SELECT ${columns} FROM item WHERE tbl = ? AND ${partition} = ? AND ${key} >= ? AND ${key} < ? AND ${notExpired}`
      return {
        ascending: rows(`${select} ORDER BY ${key} LIMIT ?`),
        descending: rows(`${select} ORDER BY ${key} DESC LIMIT ?`),
      }
    }
    this.#bySk = direction('pk', 'sk')
    this.#byIndex = { byTime: direction('gpk', 'by_time'), byName: direction('gpk', 'by_name') }
  }

  /** The item where it is there and not expired. */
  get(table: TableName, pk: string, sk: string, now: number): Item | undefined {
    const row = this.#get.get(table, pk, sk, now / 1000) as Row | undefined
    return row === undefined ? undefined : itemIn(table, row)
  }

  /** Its text, for what a write replaces. */
  text(table: TableName, pk: string, sk: string, now: number): string | undefined {
    const row = this.#get.get(table, pk, sk, now / 1000) as Row | undefined
    return row?.body
  }

  put({ table, pk, sk }: EncodedWrite, { item, text }: NonNullable<EncodedWrite['put']>): void {
    const { expiresAt = null, gpk = null, byTime = null, byName = null } = item
    this.#put.run(table, pk, sk, text, expiresAt, gpk, byTime, byName)
  }

  delete({ table, pk, sk }: EncodedWrite): void {
    this.#delete.run(table, pk, sk)
  }

  /** Removes up to `limit` expired items; returns how many. */
  sweep(now: number, limit: number): number {
    return Number(this.#sweep.run(now / 1000, limit).changes)
  }

  /** Items of a partition in the order of `key`: of the table itself for `sk`, else of that index; some `pageBytes` at most. */
  list(
    table: TableName,
    key: 'sk' | IndexName,
    partition: string,
    range: KeyRange,
    descending: boolean,
    now: number,
    limit: number,
  ): ItemPage {
    const direction = key === 'sk' ? this.#bySk : this.#byIndex[key]
    const statement = descending ? direction.descending : direction.ascending
    return page(table, statement.iterate(table, partition, range.from, range.to ?? beyondAllText, now / 1000, limit))
  }

  /** Items of a whole table behind a place, in the order of their keys; some `pageBytes` at most. */
  scan(table: TableName, { pk, sk }: ScanPlace, now: number, limit: number): ItemPage {
    return page(table, this.#scan.iterate(table, pk, sk, now / 1000, limit))
  }
}

function page(table: TableName, found: Iterable<unknown>): ItemPage {
  const items: Item[] = []
  let bytes = 0
  for (const each of found) {
    if (bytes >= pageBytes) return { items, isCut: true }
    const [pk, sk, expires_at, gpk, by_time, by_name, body] = each as Columns
    bytes += body.length
    items.push(itemIn(table, { pk, sk, expires_at, gpk, by_time, by_name, body }))
  }
  return { items, isCut: false }
}

/**
 * Whoever verifies a row reads its keys in the body, and found it by the columns: one that lies under other keys than its
 * own is none of ours.
 * @throws KmsError integrityFailure
 */
function itemIn(table: TableName, row: Row): Item {
  const item = parseItem(row.body)
  const { pk, sk, expiresAt = null, gpk = null, byTime = null, byName = null } = item
  const isOwn =
    pk === row.pk &&
    sk === row.sk &&
    expiresAt === row.expires_at &&
    gpk === row.gpk &&
    byTime === row.by_time &&
    byName === row.by_name
  if (isOwn) return item
  throw new KmsError('integrityFailure', `The row ${row.sk} of ${row.pk} in ${table} has other keys in its body.`)
}

export function parseItem(text: string): Item {
  return parseJson(text) as Item
}
