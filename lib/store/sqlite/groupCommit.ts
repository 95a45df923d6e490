import type { StatementSync } from 'node:sqlite'
import { diskRefusal } from '../../diskRefusal.ts'
import { isKmsError } from '../../errors.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

/** How a call is to be run when its turn comes; the default is the end of the event loop's turn. */
export type Schedule = (flush: () => void) => void

export interface CommitOptions<T> {
  /** False: outlives the process but not a loss of power, unless a durable call commits after it. Default true. */
  readonly durable?: boolean
  /** Called after the commit, before any promise of the batch resolves. */
  readonly committed?: (result: T) => void
}

interface Call {
  readonly run: () => unknown
  readonly durable: boolean
  readonly committed: (result: unknown) => void
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

type Outcome = { readonly ok: true; readonly result: unknown } | { readonly ok: false; readonly error: unknown }

/** So that one transaction does not hold up the event loop for long. */
const maxBatch = 256

/**
 * Runs the calls of one event-loop turn in one transaction with one fsync. Calls are synchronous and run in the order of
 * their arrival, each wholly or not at all; readers on the same connection therefore never see what is not committed.
 */
export class GroupCommit {
  readonly #database: SqliteDatabase
  readonly #schedule: Schedule
  readonly #statements: Readonly<
    Record<'begin' | 'commit' | 'rollback' | 'savepoint' | 'release' | 'rollbackTo', StatementSync>
  >
  readonly #waiting: Call[] = []
  #scheduled = false
  #synced = true
  #isRefused = false

  constructor(database: SqliteDatabase, schedule: Schedule = (flush) => setImmediate(flush)) {
    this.#database = database
    this.#schedule = schedule
    this.#statements = {
      begin: database.prepare('BEGIN IMMEDIATE'),
      commit: database.prepare('COMMIT'),
      rollback: database.prepare('ROLLBACK'),
      savepoint: database.prepare('SAVEPOINT call'),
      release: database.prepare('RELEASE call'),
      rollbackTo: database.prepare('ROLLBACK TO call'),
    }
  }

  /** Whether the disk had no room for the last call that had something to write. */
  get isRefused(): boolean {
    return this.#isRefused
  }

  /**
   * Resolves with the call's result once its batch is committed; rejects where the call threw or the commit failed, with a
   * KmsError cannotStore where the disk is full.
   */
  run<T>(call: () => T, { durable = true, committed }: CommitOptions<T> = {}): Promise<T> {
    if (!this.#database.isOpen) return Promise.reject(new Error('The region store is closed.'))
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({
        run: call,
        durable,
        committed: (result) => committed?.(result as T),
        resolve: (result) => {
          resolve(result as T)
        },
        reject,
      })
      this.#wake()
    })
  }

  /** Commits everything that waits, now. */
  flush(): void {
    while (this.#waiting.length > 0) this.#commitBatch(this.#waiting.splice(0, maxBatch))
  }

  #wake(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#schedule(() => {
      this.#scheduled = false
      this.#commitBatch(this.#waiting.splice(0, maxBatch))
      if (this.#waiting.length > 0) this.#wake()
    })
  }

  #commitBatch(batch: readonly Call[]): void {
    if (batch.length === 0) return
    let outcomes: readonly Outcome[]
    const writtenBefore = this.#isRefused ? this.#database.writtenRows() : 0
    try {
      this.#setSynced(batch.some(({ durable }) => durable))
      this.#statements.begin.run()
      outcomes = batch.map((call) => this.#attempt(call, batch.length === 1))
      this.#statements.commit.run()
    } catch (error) {
      const refusal = this.#refusal(error)
      this.#rollBack()
      for (const { reject } of batch) reject(refusal)
      return
    }
    const hasRefused = outcomes.some((outcome) => !outcome.ok && isKmsError(outcome.error, 'cannotStore'))
    if (this.#isRefused && !hasRefused && this.#database.writtenRows() > writtenBefore) this.#isRefused = false
    settle(batch, outcomes)
  }

  /** A call alone in its transaction needs no savepoint: the transaction is its own. */
  #attempt(call: Call, alone: boolean): Outcome {
    if (alone) return { ok: true, result: call.run() }
    this.#statements.savepoint.run()
    try {
      const result = call.run()
      this.#statements.release.run()
      return { ok: true, result }
    } catch (error) {
      // A full disk, for one, may have rolled back the whole transaction already.
      if (!this.#database.inTransaction) throw error
      this.#statements.rollbackTo.run()
      this.#statements.release.run()
      return { ok: false, error: this.#refusal(error) }
    }
  }

  #refusal(error: unknown): unknown {
    const refusal = diskRefusal(error)
    if (isKmsError(refusal, 'cannotStore')) this.#isRefused = true
    return refusal
  }

  /** Where even that fails, the next batch tries it again: its BEGIN is refused, and it comes here. */
  #rollBack(): void {
    try {
      if (this.#database.inTransaction) this.#statements.rollback.run()
    } catch {
      // Whoever waits is told of what went wrong first.
    }
  }

  #setSynced(synced: boolean): void {
    if (synced === this.#synced) return
    this.#database.exec(`PRAGMA synchronous = ${synced ? 'FULL' : 'NORMAL'}`)
    this.#synced = synced
  }
}

function settle(batch: readonly Call[], outcomes: readonly Outcome[]): void {
  batch.forEach((call, position) => {
    const outcome = outcomes[position]
    if (outcome?.ok === true) announce(call, outcome.result)
  })
  batch.forEach((call, position) => {
    const outcome = outcomes[position]
    if (outcome?.ok === true) call.resolve(outcome.result)
    else call.reject(outcome?.error)
  })
}

/** A listener's bug must not turn a committed write into a failed one; it surfaces as an uncaught exception. */
function announce(call: Call, result: unknown): void {
  try {
    call.committed(result)
  } catch (error) {
    queueMicrotask(() => {
      throw error
    })
  }
}
