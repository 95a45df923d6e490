import { DatabaseSync } from 'node:sqlite'
import type { Clock, Tables } from '../../ports.ts'
import { ItemReads } from './itemReads.ts'
import { ItemStatements } from './itemStatements.ts'

/** A region's file read by a connection of its own, beside the store that owns it (`hasReaders`). */
export interface SqliteReader extends Pick<Tables, 'get' | 'query'> {
  close(): void
}

/** A checkpoint of the owner's is in the way for a moment. */
const busyMs = 5_000

/** Each read sees whatever was committed before it began. @throws what SQLite throws where the file cannot be read. */
export function openSqliteReader(file: string, clock: Clock): SqliteReader {
  const database = new DatabaseSync(file, { readOnly: true, timeout: busyMs })
  const reads = new ItemReads(new ItemStatements(database), clock)
  return {
    get: (...at) => reads.get(...at),
    query: (...at) => reads.query(...at),
    close: () => {
      database.close()
    },
  }
}
