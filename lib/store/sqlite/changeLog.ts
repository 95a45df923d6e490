import type { StatementSync } from 'node:sqlite'
import type { TableName } from '../../ports.ts'
import type { NumberedChange } from '../change.ts'
import type { GroupCommit } from './groupCommit.ts'
import { parseItem } from './itemStatements.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

interface Row {
  readonly seq: number
  readonly tbl: TableName
  readonly pk: string
  readonly sk: string
  readonly old: string | null
  readonly new: string | null
  readonly committed_at: number
}

/** The streams of one region's tables in one log, each kept until it is trimmed. */
export class ChangeLog {
  readonly #commit: GroupCommit
  readonly #append: StatementSync
  readonly #count: StatementSync
  readonly #raise: StatementSync
  readonly #start: StatementSync
  readonly #read: StatementSync
  readonly #readTable: StatementSync
  readonly #trim: StatementSync
  readonly #trimTable: StatementSync

  constructor(database: SqliteDatabase, commit: GroupCommit) {
    this.#commit = commit
    this.#append = database.prepare(
      'INSERT INTO change (tbl, pk, sk, old, new, committed_at) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.#count = database.prepare(`SELECT seq FROM sqlite_sequence WHERE name = 'change'`)
    this.#raise = database.prepare(`UPDATE sqlite_sequence SET seq = ? WHERE name = 'change' AND seq < ?`)
    this.#start = database.prepare(`INSERT INTO sqlite_sequence (name, seq) VALUES ('change', ?)`)
    this.#read = database.prepare('SELECT * FROM change WHERE seq > ? ORDER BY seq LIMIT ?')
    this.#readTable = database.prepare('SELECT * FROM change WHERE tbl = ? ORDER BY seq LIMIT ?')
    this.#trim = database.prepare('DELETE FROM change WHERE seq <= ?')
    this.#trimTable = database.prepare('DELETE FROM change WHERE tbl = ? AND seq <= ?')
  }

  /** Only within the transaction that makes the change. Images are items' texts. */
  append(
    at: { table: TableName; pk: string; sk: string },
    before: string | undefined,
    after: string | undefined,
    now: number,
  ): void {
    this.#append.run(at.table, at.pk, at.sk, before ?? null, after ?? null, now)
  }

  /** How many changes there ever were: it falls with no trim, only where the file is put back to an older copy. */
  count(): number {
    return Number(this.#count.get()?.['seq'] ?? 0)
  }

  /** The next changes count on from here. */
  async raise(to: number): Promise<void> {
    await this.#commit.run(() => {
      if (this.#raise.run(to, to).changes === 0 && this.count() === 0) this.#start.run(to)
    })
  }

  async read(after: number, limit: number): Promise<readonly NumberedChange[]> {
    return (this.#read.all(after, limit) as unknown as Row[]).map(numbered)
  }

  async readTable(table: TableName, limit: number): Promise<readonly NumberedChange[]> {
    return (this.#readTable.all(table, limit) as unknown as Row[]).map(numbered)
  }

  async trimTable(table: TableName, upTo: number): Promise<void> {
    await this.#commit.run(() => this.#trimTable.run(table, upTo), { durable: false })
  }

  async trim(upTo: number): Promise<void> {
    await this.#commit.run(() => this.#trim.run(upTo), { durable: false })
  }
}

function numbered(row: Row): NumberedChange {
  return {
    seq: row.seq,
    table: row.tbl,
    pk: row.pk,
    sk: row.sk,
    old: row.old === null ? null : parseItem(row.old),
    new: row.new === null ? null : parseItem(row.new),
    committedAt: row.committed_at,
  }
}
