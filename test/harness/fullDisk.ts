import type { SqliteDatabase } from '../../lib/store/sqlite/sqliteDatabase.ts'

const tables = ['item', 'change', 'message'] as const
const events = ['INSERT', 'UPDATE', 'DELETE'] as const
/** More than a file could have left free. */
const bytes = 100_000_000

/**
 * From now on every write of a region's store fails by SQLite's own hand as on a full disk: the file may not grow, and each
 * write needs more room than there is. Returns the way to make room.
 */
export function fillDisk(database: SqliteDatabase): () => void {
  const triggers = tables.flatMap((table) => events.map((event) => ({ name: `${event}_${table}`, table, event })))
  database.exec('CREATE TABLE IF NOT EXISTS filler (bytes BLOB); PRAGMA max_page_count = 1')
  for (const { name, table, event } of triggers) {
    database.exec(`CREATE TEMP TRIGGER ${name} AFTER ${event} ON main.${table}
      BEGIN INSERT INTO filler VALUES (zeroblob(${bytes})); END`)
  }
  return () => {
    for (const { name } of triggers) database.exec(`DROP TRIGGER ${name}`)
    database.exec('PRAGMA max_page_count = 1073741823')
  }
}
