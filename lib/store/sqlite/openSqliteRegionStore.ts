import { CommitRuns } from './commitRuns.ts'
import { GroupCommit, type Schedule } from './groupCommit.ts'
import { SqliteDatabase } from './sqliteDatabase.ts'
import { SqliteQueues, type SqliteQueuesOptions } from './sqliteQueues.ts'
import { SqliteTables, type SqliteTablesOptions } from './sqliteTables.ts'

type Opened = 'database' | 'commit'

export interface SqliteRegionStoreOptions extends Omit<SqliteTablesOptions, Opened>, Omit<SqliteQueuesOptions, Opened> {
  /** The region's own file, whose directory exists, or ':memory:'. */
  readonly file: string
  /** Whether other threads of this process read the file too (openSqliteReader). Default: no. */
  readonly hasReaders?: boolean
  /** When waiting calls commit; a simulation decides it. Default: at the end of the event loop's turn. */
  readonly schedule?: Schedule
}

export interface SqliteRegionStore {
  readonly tables: SqliteTables
  readonly queues: SqliteQueues
  /** Whoever lets the region make changes begins one first. */
  readonly runs: CommitRuns
  /** The file itself, for what no port can do. */
  readonly database: SqliteDatabase
  /** Whether the disk had no room for the last write that was tried. */
  readonly isRefused: () => boolean
  /**
   * Commits what waits. The file then holds everything and stays as it is, for whoever copies it, until `thaw`: what is committed
   * meanwhile is in the WAL beside it.
   */
  readonly freeze: () => void
  readonly thaw: () => void
  /** Commits what waits, then closes the file. Calls after it reject. */
  readonly close: () => void
}

/** @throws Error with one line that says what is wrong with the file. */
export function openSqliteRegionStore({
  file,
  schedule,
  hasReaders = false,
  ...options
}: SqliteRegionStoreOptions): SqliteRegionStore {
  const database = new SqliteDatabase(file, hasReaders)
  const commit = new GroupCommit(database, schedule)
  const tables = new SqliteTables({ ...options, database, commit })
  const queues = new SqliteQueues({ ...options, database, commit })
  const runs = new CommitRuns(database, options.newId)
  const close = (): void => {
    if (database.isOpen) commit.flush()
    database.close()
  }
  const freeze = (): void => {
    commit.flush()
    database.stopCheckpoints()
  }
  const thaw = (): void => {
    if (database.isOpen) database.goOnWithCheckpoints()
  }
  return { tables, queues, runs, database, isRefused: () => commit.isRefused, freeze, thaw, close }
}
