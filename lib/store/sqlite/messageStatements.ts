import type { StatementSync } from 'node:sqlite'
import type { AnyQueueName, QueueCounts } from '../regionQueues.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

export interface MessageRow {
  readonly id: string
  readonly body: string
  readonly first_sent_at: number
  readonly receive_count: number
  readonly reason: string | null
}

/** The prepared statements over the table `message`. Times are milliseconds since 1970. */
export class MessageStatements {
  readonly #insert: StatementSync
  readonly #visible: StatementSync
  readonly #take: StatementSync
  readonly #delete: StatementSync
  readonly #setVisibleAt: StatementSync
  readonly #bury: StatementSync
  readonly #revive: StatementSync
  readonly #list: StatementSync
  readonly #sweep: StatementSync
  readonly #counts: StatementSync
  readonly #nextVisibleAt: StatementSync
  readonly #release: StatementSync

  constructor(database: SqliteDatabase) {
    const columns = 'id, body, first_sent_at, receive_count, reason'
    this.#insert = database.prepare(
      'INSERT INTO message (id, queue, body, first_sent_at, visible_at, receive_count) VALUES (?, ?, ?, ?, ?, 0)',
    )
    this.#visible = database.prepare(
      `SELECT ${columns} FROM message WHERE queue = ? AND visible_at <= ? ORDER BY visible_at, seq LIMIT ?`,
    )
    this.#take = database.prepare('UPDATE message SET visible_at = ?, receive_count = receive_count + 1 WHERE id = ?')
    this.#delete = database.prepare('DELETE FROM message WHERE queue = ? AND id = ?')
    this.#setVisibleAt = database.prepare(
      'UPDATE message SET visible_at = ? WHERE queue = ? AND id = ? AND receive_count > 0',
    )
    this.#bury = database.prepare('UPDATE message SET queue = ?, visible_at = ?, reason = ? WHERE queue = ? AND id = ?')
    this.#revive = database.prepare(
      `UPDATE message SET queue = ?, first_sent_at = ?, visible_at = ?, receive_count = 0, reason = NULL
       WHERE queue = ? AND id = ?`,
    )
    this.#list = database.prepare(
      `SELECT ${columns} FROM message WHERE queue = ? AND first_sent_at > ? ORDER BY seq LIMIT ?`,
    )
    this.#sweep = database.prepare(
      'DELETE FROM message WHERE seq IN (SELECT seq FROM message WHERE queue = ? AND first_sent_at <= ? LIMIT ?)',
    )
    this.#counts = database.prepare(
      `SELECT count(*) FILTER (WHERE visible_at <= :now) AS visible,
         count(*) FILTER (WHERE visible_at > :now AND receive_count > 0) AS inFlight,
         count(*) FILTER (WHERE visible_at > :now AND receive_count = 0) AS delayed
       FROM message WHERE queue = :queue AND first_sent_at > :sentAfter`,
    )
    this.#release = database.prepare('UPDATE message SET visible_at = ? WHERE receive_count > 0 AND visible_at > ?')
    this.#nextVisibleAt = database.prepare('SELECT min(visible_at) AS at FROM message WHERE queue = ?')
  }

  insert(id: string, queue: AnyQueueName, body: string, sentAt: number, visibleAt: number): void {
    this.#insert.run(id, queue, body, sentAt, visibleAt)
  }

  /** What may be received now, the longest visible first. */
  visible(queue: AnyQueueName, now: number, limit: number): readonly MessageRow[] {
    return this.#visible.all(queue, now, limit) as unknown as MessageRow[]
  }

  take(id: string, visibleAt: number): void {
    this.#take.run(visibleAt, id)
  }

  /** Makes whatever a receiver holds visible again. */
  release(now: number): void {
    this.#release.run(now, now)
  }

  delete(queue: AnyQueueName, id: string): void {
    this.#delete.run(queue, id)
  }

  /** Only for what was received: a delay is not cut short. */
  setVisibleAt(queue: AnyQueueName, id: string, visibleAt: number): void {
    this.#setVisibleAt.run(visibleAt, queue, id)
  }

  /** Moves to a dead-letter queue; true where the message was there. */
  bury(queue: AnyQueueName, id: string, dlq: AnyQueueName, reason: string, now: number): boolean {
    return this.#bury.run(dlq, now, reason, queue, id).changes === 1
  }

  /** Moves back from a dead-letter queue as if sent now; true where the message was there. */
  revive(dlq: AnyQueueName, id: string, queue: AnyQueueName, now: number): boolean {
    return this.#revive.run(queue, now, now, dlq, id).changes === 1
  }

  list(queue: AnyQueueName, sentAfter: number, limit: number): readonly MessageRow[] {
    return this.#list.all(queue, sentAfter, limit) as unknown as MessageRow[]
  }

  /** Removes what was sent at `sentBy` or before; returns how many. */
  sweep(queue: AnyQueueName, sentBy: number, limit: number): number {
    return Number(this.#sweep.run(queue, sentBy, limit).changes)
  }

  counts(queue: AnyQueueName, now: number, sentAfter: number): QueueCounts {
    const row = this.#counts.get({ queue, now, sentAfter }) as Record<keyof QueueCounts, number> | undefined
    return { visible: row?.visible ?? 0, inFlight: row?.inFlight ?? 0, delayed: row?.delayed ?? 0 }
  }

  nextVisibleAt(queue: AnyQueueName): number | undefined {
    const row = this.#nextVisibleAt.get(queue) as { at: number | null } | undefined
    return row?.at ?? undefined
  }
}
