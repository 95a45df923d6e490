import { closeSync, existsSync, openSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { makeFolder } from '../makeFolder.ts'
import { inUse, isBusy, unusable } from './unusable.ts'

/**
 * Of a directory that has no host.db yet, whose lock all others take: a command that makes tokens there takes this one. Who makes
 * host.db looks for it afterwards, and who takes it looks for host.db afterwards, so that one of two knows of the other.
 */
export class BeginningLock {
  readonly #file: string
  readonly #database: DatabaseSync
  /** Folders that were not there, the innermost first. */
  readonly #made: readonly string[]

  private constructor(file: string, database: DatabaseSync, made: readonly string[]) {
    this.#file = file
    this.#database = database
    this.#made = made
  }

  /** @throws UserError where another process has it. */
  static take(path: string): BeginningLock {
    const file = fileIn(path)
    try {
      const made = missing(dirname(file))
      makeFolder(dirname(file))
      for (let tries = 0; tries < 3; tries += 1) {
        closeSync(openSync(file, 'a', 0o600))
        const { ino } = statSync(file)
        const database = locked(file)
        // Whoever had it before has removed the file where that is another now, and a lock of it holds nobody.
        if (statSync(file, { throwIfNoEntry: false })?.ino === ino) return new BeginningLock(file, database, made)
        database.close()
      }
    } catch (cause) {
      throw unusable(path, cause)
    }
    throw inUse(path)
  }

  /** @throws UserError where a process has it. */
  static requireFree(path: string): void {
    const file = fileIn(path)
    if (!existsSync(file)) return
    try {
      locked(file).close()
    } catch (cause) {
      if (isBusy(cause)) throw inUse(path)
      throw unusable(path, cause)
    }
  }

  /** What it made goes where nothing was put there. */
  release(): void {
    rmSync(this.#file, { force: true })
    for (const folder of this.#made) {
      try {
        rmdirSync(folder)
      } catch {
        break
      }
    }
    this.#database.close()
  }
}

function fileIn(path: string): string {
  return join(resolve(path), 'host.db.lock')
}

/** Until it is closed, or the process ends. */
function locked(file: string): DatabaseSync {
  const database = new DatabaseSync(file, { timeout: 0 })
  try {
    // A journal would be a file of its own.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

function missing(folder: string): readonly string[] {
  if (existsSync(folder)) return []
  return [folder, ...missing(dirname(folder))]
}
