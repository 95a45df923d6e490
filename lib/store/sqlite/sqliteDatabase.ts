import { closeSync, openSync, statfsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { regionStoreFormat, regionStoreSchema } from './regionStoreSchema.ts'

/** 16 MB, four times SQLite's own: a page that many transactions change goes into the file once. */
const checkpointPages = 4000

const readerMs = 5_000

/** SQLite's primary result codes for which opening has a clearer sentence than SQLite's own. */
const refusals: Readonly<Record<number, string>> = {
  5: 'is in use by another process; stop that one first',
  8: 'cannot be written; check its owner and mode',
  10: 'cannot be read or written: its disk fails',
  11: 'is damaged; restore it from a backup or from a replica',
  13: 'cannot be written: its disk is full; make room on it',
  14: 'cannot be opened; check that its directory exists and may be written',
  26: 'is not a Vaultspan region store',
}

/**
 * One region's database file, or ':memory:'. INVARIANT: one process owns the file (an exclusive lock that dies with it);
 * caches and pumps rely on hearing of every commit.
 */
export class SqliteDatabase {
  readonly #db: DatabaseSync
  readonly #written: StatementSync
  readonly #owner: DatabaseSync | undefined

  /**
   * `hasReaders`: other threads of this process read the file by connections of their own (SqliteReader). SQLite's own
   * exclusive lock would shut them out, so that a file beside it is locked instead; whoever opens either way is refused by both.
   * @throws Error with one line that says what is wrong with the file.
   */
  constructor(file: string, hasReaders = false) {
    try {
      // SQLite would create the file with mode 0644; its WAL takes over the file's own mode.
      if (file !== ':memory:') closeSync(openSync(file, 'a', 0o600))
      this.#db = new DatabaseSync(file)
    } catch (cause) {
      throw new Error(`${file} ${refusals[14] ?? ''}.`, { cause })
    }
    try {
      if (hasReaders) {
        this.#owner = lockBeside(file)
        // A reader is in the way for microseconds, and of a checkpoint alone.
        this.#db.exec(`PRAGMA busy_timeout = ${readerMs}`)
      } else this.#db.exec('PRAGMA locking_mode = EXCLUSIVE')
      requireFormat(this.#db, file)
      setUp(this.#db)
      this.#written = this.#db.prepare('SELECT total_changes() AS n')
    } catch (cause) {
      this.#db.close()
      this.#owner?.close()
      throw clearer(cause, file)
    }
  }

  /** For statements that are kept. */
  prepare(sql: string): StatementSync {
    return this.#db.prepare(sql)
  }

  exec(sql: string): void {
    this.#db.exec(sql)
  }

  get isOpen(): boolean {
    return this.#db.isOpen
  }

  get inTransaction(): boolean {
    return this.#db.isTransaction
  }

  /** How many rows this connection has ever written: a statement that changes nothing does not count. */
  writtenRows(): number {
    return Number(this.#written.get()?.['n'] ?? 0)
  }

  /** Brings the whole WAL into the file, and nothing more until `goOnWithCheckpoints`. @throws Error where a reader is in the way. */
  stopCheckpoints(): void {
    this.#db.exec('PRAGMA wal_autocheckpoint = 0')
    const { busy, log } = this.#db.prepare('PRAGMA wal_checkpoint(TRUNCATE)').get() ?? {}
    if (busy === 0 && log === 0) return
    this.goOnWithCheckpoints()
    throw new Error('The region store is being read; try again.')
  }

  goOnWithCheckpoints(): void {
    this.#db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
  }

  close(): void {
    if (!this.#db.isOpen) return
    this.#db.close()
    this.#owner?.close()
  }
}

/** Held until it is closed, or its process ends. */
function lockBeside(file: string): DatabaseSync {
  const lock = `${file}.lock`
  closeSync(openSync(lock, 'a', 0o600))
  const owner = new DatabaseSync(lock, { timeout: 0 })
  try {
    owner.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT')
    return owner
  } catch (cause) {
    owner.close()
    throw cause
  }
}

/** Reads only: a file that is not ours stays as it is. */
function requireFormat(db: DatabaseSync, file: string): void {
  const names = db.prepare('SELECT name FROM sqlite_schema').all()
  if (names.length === 0) return
  const found = names.some(({ name }) => name === 'format')
    ? db.prepare('SELECT * FROM format').get()?.['name']
    : undefined
  if (found === regionStoreFormat) return
  if (typeof found !== 'string' || !/^vaultspan\/region-store\/[0-9]+$/.test(found)) {
    throw new Error(`${file} ${refusals[26] ?? ''}.`)
  }
  throw new Error(
    `${file} has the format ${found}; this Vaultspan reads ${regionStoreFormat}. Use the version that wrote it.`,
  )
}

function setUp(db: DatabaseSync): void {
  // fullfsync matters on macOS only, where fsync alone does not reach the medium.
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA cache_size = -32000')
  db.exec(`PRAGMA wal_autocheckpoint = ${checkpointPages}`)
  db.exec(`BEGIN IMMEDIATE; ${regionStoreSchema}; COMMIT`)
}

function clearer(cause: unknown, file: string): unknown {
  const code = typeof cause === 'object' && cause !== null && 'errcode' in cause ? cause.errcode : undefined
  const refusal = typeof code === 'number' ? openingRefusal(code, () => freeBytes(file)) : undefined
  return refusal === undefined ? cause : new Error(`${file} ${refusal}.`, { cause })
}

/** SQLite has no room for the file that it maps, and calls that an error of the disk: less than so much is none. */
const roomBytes = 64 * 1024

/** What is wrong with a file, after its name; undefined: SQLite's own words say it. `free`: bytes on its disk. */
export function openingRefusal(errcode: number, free: () => number): string | undefined {
  const primary = errcode & 0xff
  return refusals[primary === 10 && free() < roomBytes ? 13 : primary]
}

function freeBytes(file: string): number {
  try {
    const { bavail, bsize } = statfsSync(file)
    return bavail * bsize
  } catch {
    return Infinity
  }
}
