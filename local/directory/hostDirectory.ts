import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isKmsError } from '../../lib/errors.ts'
import { diskRefusal } from '../../lib/diskRefusal.ts'
import { UserError } from '../../lib/userError.ts'
import { makeFolder } from '../makeFolder.ts'
import { BeginningLock } from './beginningLock.ts'
import { noRoomIn, unusable } from './unusable.ts'

const format = 'vaultspan/host/1'
const schema = `
  CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
  CREATE TABLE IF NOT EXISTS ports (vaultId TEXT, region TEXT, port INTEGER UNIQUE, PRIMARY KEY (vaultId, region)) STRICT
`

export interface PortRow {
  readonly vaultId: string
  readonly region: string
  readonly port: number
}

/** What one machine knows beside its regions: which they are, where vaults listen, and that it runs only once. */
export class HostDirectory {
  /** Undefined: everything lives in memory. */
  readonly path: string | undefined
  readonly #database: DatabaseSync

  /** `path` ':memory:' keeps nothing. @throws UserError in one line. */
  constructor(path: string) {
    if (path === '') throw new UserError('The data directory has an empty name; name one.')
    this.path = path === ':memory:' ? undefined : resolve(path)
    const isNew = this.path !== undefined && !existsSync(join(this.path, 'host.db'))
    if (isNew) BeginningLock.requireFree(path)
    let stored: string | undefined
    try {
      if (isNew) this.makeFolders()
      this.#database = new DatabaseSync(this.file('host.db') ?? ':memory:', { timeout: 0 })
      // INVARIANT: the exclusive lock is held until the process ends; whoever comes second is told so.
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = FULL; BEGIN EXCLUSIVE; COMMIT')
      stored = storedFormat(this.#database)
      if (stored === undefined || stored === format) this.#database.exec(schema)
    } catch (cause) {
      throw unusable(path, cause)
    }
    if (isNew) this.#requireBeginning(path)
    if (stored !== undefined && stored !== format) {
      this.close()
      throw new UserError(
        `${path} was written by another version (${stored}); this one reads ${format}. Use that version, or another --data.`,
      )
    }
    try {
      this.storeFact('format', format)
    } catch (cause) {
      this.close()
      throw isKmsError(cause, 'cannotStore') ? noRoomIn(path, cause) : cause
    }
  }

  /**
   * The folders that it has. Of a cloud that is there already one is missing only where files are, so that nobody makes it
   * before these are known to be there. A directory that was there before keeps its mode: it may be anybody's. What lies
   * below it is ours.
   */
  makeFolders(): void {
    if (this.path === undefined) return
    makeFolder(this.path)
    for (const name of ['regions', 'hsm', 'oci']) {
      const folder = join(this.path, name)
      makeFolder(folder)
      chmodSync(folder, 0o700)
    }
  }

  fact(name: string): string | undefined {
    const row = this.#database.prepare('SELECT value FROM facts WHERE name = ?').get(name)
    return row === undefined ? undefined : String(row['value'])
  }

  /** @throws KmsError cannotStore where the disk is full. */
  storeFact(name: string, value: string): void {
    this.#write('INSERT INTO facts VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value', name, value)
  }

  ports(): readonly PortRow[] {
    const rows = this.#database.prepare('SELECT vaultId, region, port FROM ports ORDER BY port').all()
    return rows.map((row) => ({
      vaultId: String(row['vaultId']),
      region: String(row['region']),
      port: Number(row['port']),
    }))
  }

  /** @throws KmsError cannotStore where the disk is full. */
  keepPort({ vaultId, region, port }: PortRow): void {
    this.#write('INSERT INTO ports VALUES (?, ?, ?)', vaultId, region, port)
  }

  /** A file below the directory; undefined in memory. */
  file(...parts: readonly string[]): string | undefined {
    return this.path === undefined ? undefined : join(this.path, ...parts)
  }

  /** Writes what it keeps into a new file, its owner's alone. @throws KmsError cannotStore where the disk is full. */
  copyTo(file: string): void {
    // SQLite writes into an empty file, and makes one that anybody may read.
    try {
      writeFileSync(file, '', { flag: 'wx', mode: 0o600 })
      this.#database.prepare('VACUUM INTO ?').run(file)
    } catch (cause) {
      throw diskRefusal(cause, file)
    }
  }

  close(): void {
    this.#database.close()
  }

  /** A command that makes tokens may have begun before host.db was there: then it goes again. @throws UserError */
  #requireBeginning(path: string): void {
    try {
      BeginningLock.requireFree(path)
    } catch (cause) {
      this.close()
      rmSync(join(path, 'host.db'), { force: true })
      throw cause
    }
  }

  #write(sql: string, ...values: readonly (string | number)[]): void {
    try {
      this.#database.prepare(sql).run(...values)
    } catch (cause) {
      throw diskRefusal(cause)
    }
  }
}

/** Reads only: what another version wrote stays as it is. Undefined where the file is new. */
function storedFormat(database: DatabaseSync): string | undefined {
  const names = database.prepare('SELECT name FROM sqlite_schema').all()
  if (names.length === 0) return undefined
  if (!names.some(({ name }) => name === 'facts')) return 'an unknown one'
  return String(database.prepare("SELECT value FROM facts WHERE name = 'format'").get()?.['value'] ?? format)
}
