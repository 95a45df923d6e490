import type { StatementSync } from 'node:sqlite'
import { diskRefusal } from '../../diskRefusal.ts'
import { isKmsError } from '../../errors.ts'
import type { CommitRun } from '../../commitMark.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

/** Far more starts than a peer is away for: of a change before them it is believed by its number alone. */
const keptRuns = 1_000

/**
 * Which opening of the file made which changes. Two copies of one file that both go on count alike, and are told apart by it:
 * each opening draws an id, and the changes behind the count that it found are its own.
 */
export class CommitRuns {
  readonly #newId: () => string
  readonly #begin: StatementSync
  readonly #trim: StatementSync
  readonly #forget: StatementSync
  readonly #of: StatementSync

  constructor(database: SqliteDatabase, newId: () => string) {
    this.#newId = newId
    // One that has made no change leaves its place to the next.
    this.#begin = database.prepare('INSERT INTO commit_run VALUES (?, ?) ON CONFLICT DO UPDATE SET id = excluded.id')
    this.#trim = database.prepare(
      'DELETE FROM commit_run WHERE first < (SELECT first FROM commit_run ORDER BY first DESC LIMIT 1 OFFSET ?)',
    )
    this.#forget = database.prepare('DELETE FROM commit_run')
    this.#of = database.prepare('SELECT first, id FROM commit_run WHERE first < ? ORDER BY first DESC LIMIT 1')
  }

  /** Before the first change of an opening. `count`: how many there were before. */
  begin(count: number): void {
    try {
      this.#begin.run(count, this.#newId())
      this.#trim.run(keptRuns - 1)
    } catch (cause) {
      // A full disk ends no region. The run before goes on then: what is said of it stays true, and a fork in it is counted.
      if (!isKmsError(diskRefusal(cause), 'cannotStore')) throw cause
    }
  }

  /** From here on nobody knows who made the changes up to `count`: a peer is believed by their number. */
  beginAnew(count: number): void {
    this.#forget.run()
    this.begin(count)
  }

  /** Who made the change with that number; undefined: nobody knows. */
  of(mark: number): CommitRun | undefined {
    const row = this.#of.get(mark)
    return row === undefined ? undefined : { id: String(row['id']), first: Number(row['first']) }
  }
}
