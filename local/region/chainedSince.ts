import { headRows } from '../../lib/kms/auditChain/auditHead.ts'
import type { Clock } from '../../lib/ports.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'

/**
 * From when on every event of this store has a place in a chain, as heads say it (`AuditHead.chainedSince`): as the heads
 * before have said; else from now on where the first event that was written has none, and from the first one where it has.
 */
export function chainedSince({ database }: Pick<SqliteRegionStore, 'database'>, clock: Clock): string {
  const said = database
    .prepare(
      `SELECT json_extract(body, '$.head.chainedSince') AS since FROM item
       WHERE tbl = 'Audit' AND pk >= ? AND pk < ? AND json_valid(body) AND since IS NOT NULL LIMIT 1`,
    )
    .get(headRows.headPk, `${headRows.headPk}\u{10ffff}`)
  if (typeof said?.['since'] === 'string') return said['since']
  // In the order in which rows were written, which no index of the table has.
  const first = database
    .prepare(
      `SELECT json_type(body, '$.chain') AS place FROM item
       WHERE +tbl = 'Audit' AND json_valid(body) AND json_type(body, '$.events') = 'array' ORDER BY rowid LIMIT 1`,
    )
    .get()
  return first === undefined || first['place'] !== null ? '' : new Date(clock()).toISOString()
}
