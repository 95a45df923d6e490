import {
  streamedTables,
  type Clock,
  type IndexName,
  type Item,
  type Page,
  type PageRequest,
  type ScanRequest,
  type TableName,
  type Tables,
  type TimeAdvanced,
  type TimeStep,
  type Write,
  type WriteOutcome,
} from '../../ports.ts'
import type { ChangeStream, NumberedChange } from '../change.ts'
import { compareUtf8 } from '../../compareUtf8.ts'
import { advance } from '../advance.ts'
import { conditionHolds, isExpired } from '../conditionHolds.ts'
import { encodeWrites, requireItemText, type EncodedWrite } from '../encodeWrites.ts'
import { keyRange, requirePage, type KeyRange } from '../keyRange.ts'
import { pageOf } from '../pageOf.ts'
import { ChangeLog } from './changeLog.ts'
import type { GroupCommit } from './groupCommit.ts'
import { addressOf, IndexLag } from './indexLag.ts'
import { ItemReads } from './itemReads.ts'
import { ItemStatements, parseItem } from './itemStatements.ts'
import { ReadTurns } from './readTurns.ts'
import type { SqliteDatabase } from './sqliteDatabase.ts'

export interface TouchedItem {
  readonly table: TableName
  readonly pk: string
  readonly sk: string
}

/** An item that is in no index, as its JSON. */
export interface ItemText {
  readonly pk: string
  readonly sk: string
  readonly expiresAt: number | undefined
  readonly text: string
}

export type CommitListener = (touched: readonly TouchedItem[]) => void

export interface SqliteTablesOptions {
  readonly database: SqliteDatabase
  readonly commit: GroupCommit
  readonly clock: Clock
  /** The tables that have a change stream. */
  readonly streamed?: readonly TableName[]
  /** How late the indexes learn of a change, drawn for each; without it they never lag. */
  readonly indexLagMs?: () => number
}

interface Applied extends TouchedItem {
  readonly old: string | undefined
}

interface Attempt {
  readonly outcome: WriteOutcome
  readonly applied: readonly Applied[]
}

/** The table port over one region's SQLite file. */
export class SqliteTables implements Tables {
  readonly #commit: GroupCommit
  readonly #clock: Clock
  readonly #items: ItemStatements
  readonly #reads: ItemReads
  readonly #changes: ChangeLog
  readonly #turns = new ReadTurns()
  readonly #streamed: ReadonlySet<TableName>
  readonly #lag: IndexLag | undefined
  readonly #listeners = new Set<CommitListener>()

  constructor({ database, commit, clock, streamed = streamedTables, indexLagMs }: SqliteTablesOptions) {
    this.#commit = commit
    this.#clock = clock
    this.#items = new ItemStatements(database)
    this.#reads = new ItemReads(this.#items, clock, this.#turns)
    this.#changes = new ChangeLog(database, commit)
    this.#streamed = new Set(streamed)
    this.#lag = indexLagMs && new IndexLag(indexLagMs)
  }

  get(table: TableName, pk: string, sk: string): Promise<Item | undefined> {
    return this.#reads.get(table, pk, sk)
  }

  query(table: TableName, pk: string, skPrefix: string, request: PageRequest): Promise<Page> {
    return this.#reads.query(table, pk, skPrefix, request)
  }

  scan(table: TableName, request: ScanRequest): Promise<Page> {
    return this.#reads.scan(table, request)
  }

  async queryIndex(table: TableName, index: IndexName, gpk: string, request: PageRequest): Promise<Page> {
    requirePage(request)
    for (let turn = this.#turns.turn(); turn !== undefined; turn = this.#turns.turn()) await turn
    const { limit, descending = false } = request
    const now = this.#clock()
    const range = keyRange('', request)
    const late = this.#lag?.shownOtherwise(table, now) ?? new Map<string, Item | undefined>()
    const { items, isCut } = this.#items.list(table, index, gpk, range, descending, now, limit + 1 + late.size)
    this.#turns.count(items.length)
    if (late.size === 0) return pageOf(items, limit, index, isCut)
    const sign = descending ? -1 : 1
    const inOrder = (left: Item, right: Item) => sign * compareUtf8(left[index] ?? '', right[index] ?? '')
    const shown = items.filter(({ pk, sk }) => !late.has(addressOf(table, pk, sk)))
    for (const item of late.values()) {
      if (item?.gpk === gpk && !isExpired(item, now) && inRange(item[index], range)) shown.push(item)
    }
    shown.sort(inOrder)
    const last = isCut ? items.at(-1) : undefined
    if (last === undefined) return pageOf(shown, limit, index)
    // What lies behind the end of a large page is not known.
    const known = shown.filter((item) => inOrder(item, last) <= 0).slice(0, limit)
    const next = (known.length === limit ? known.at(-1) : last)?.[index]
    return { items: known, ...(next === undefined ? {} : { next }) }
  }

  async write(writes: readonly Write[], writeId?: string): Promise<WriteOutcome> {
    const encoded = encodeWrites(writes, writeId)
    if (encoded.length === 0) return { ok: true }
    const committed = ({ applied }: Attempt): void => {
      this.#announce(applied)
    }
    const { outcome } = await this.#commit.run(() => this.#attempt(encoded, writeId), { committed })
    return outcome
  }

  /** As unconditional puts of items whose JSON is made already, in one call; of a table that has no stream. */
  async putTexts(table: TableName, items: readonly ItemText[]): Promise<void> {
    if (this.#streamed.has(table)) throw new RangeError(`${table} has a stream, which must have each change.`)
    for (const { text } of items) requireItemText(text)
    const put = (): readonly Applied[] => {
      for (const { pk, sk, expiresAt, text } of items) {
        const item = { pk, sk, ...(expiresAt === undefined ? {} : { expiresAt }) }
        this.#items.put({ op: 'put', table, pk, sk }, { item, text })
      }
      return items.map(({ pk, sk }) => ({ table, pk, sk, old: undefined }))
    }
    const committed = (applied: readonly Applied[]) => {
      this.#announce(applied)
    }
    await this.#commit.run(put, { committed })
  }

  async advance(pk: string, sk: string, step: TimeStep): Promise<TimeAdvanced> {
    const advanced = () => {
      const { outcome, item } = advance(this.#items.get('Requests', pk, sk, this.#clock()), pk, sk, step)
      const [encoded] = item === undefined ? [] : encodeWrites([{ op: 'put', table: 'Requests', item }], undefined)
      if (encoded?.put !== undefined) this.#items.put(encoded, encoded.put)
      return outcome
    }
    return this.#commit.run(advanced, { durable: false })
  }

  /** Removes up to `limit` expired items, without a change; resolves with their number. */
  async sweepExpired(limit: number): Promise<number> {
    return this.#commit.run(() => this.#items.sweep(this.#clock(), limit), { durable: false })
  }

  /** The changes behind `after` (0: from the start) in the order of their commits. */
  async readChanges(after: number, limit: number): Promise<readonly NumberedChange[]> {
    return this.#changes.read(after, limit)
  }

  /** Forgets the changes up to and including `upTo`. */
  async trimChanges(upTo: number): Promise<void> {
    await this.#changes.trim(upTo)
  }

  /** As ReplicationPorts.commitMark. */
  commitMark(): number {
    return this.#changes.count()
  }

  async raiseCommitMark(to: number): Promise<void> {
    await this.#changes.raise(to)
  }

  /** One table's stream. */
  stream(table: TableName): ChangeStream {
    return {
      read: (limit) => this.#changes.readTable(table, limit),
      trim: (upTo) => this.#changes.trimTable(table, upTo),
      onChange: (listener) =>
        this.onCommit((touched) => {
          if (touched.some((item) => item.table === table)) listener()
        }),
    }
  }

  /**
   * Tells of every committed put and delete, in all tables, before its promise resolves. Returns the way to unsubscribe.
   * A listener must not throw.
   */
  onCommit(listener: CommitListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  #attempt(writes: readonly EncodedWrite[], writeId: string | undefined): Attempt {
    const now = this.#clock()
    const stored = writes.map((write) =>
      this.#needsOld(write) ? this.#items.text(write.table, write.pk, write.sk, now) : undefined,
    )
    const items = writes.map(({ condition }, position) =>
      condition === undefined ? undefined : parsed(stored[position]),
    )
    const failed = writes.flatMap(({ condition }, position) =>
      condition === undefined || conditionHolds(condition, items[position]) ? [] : [position],
    )
    if (failed.length > 0) {
      // One item of ours shows that the whole call was committed before, whatever became of the others since.
      const ours = failed.some((position) => writes[position]?.op === 'put' && carries(items[position], writeId))
      return { outcome: ours ? { ok: true } : { ok: false, failed }, applied: [] }
    }
    const applied: Applied[] = []
    writes.forEach((write, position) => {
      if (write.op === 'check') return
      applied.push({ table: write.table, pk: write.pk, sk: write.sk, old: stored[position] })
      this.#apply(write, stored[position], now)
    })
    return { outcome: { ok: true }, applied }
  }

  #needsOld({ table, op, condition }: EncodedWrite): boolean {
    return condition !== undefined || (op !== 'check' && (this.#lag !== undefined || this.#streamed.has(table)))
  }

  #apply(write: EncodedWrite, old: string | undefined, now: number): void {
    if (write.put === undefined) this.#items.delete(write)
    else this.#items.put(write, write.put)
    const isChange = write.put !== undefined || old !== undefined
    if (isChange && this.#streamed.has(write.table)) this.#changes.append(write, old, write.put?.text, now)
  }

  #announce(applied: readonly Applied[]): void {
    if (applied.length === 0) return
    if (this.#lag !== undefined) {
      const now = this.#clock()
      for (const { table, pk, sk, old } of applied) this.#lag.record(table, pk, sk, parsed(old), now)
    }
    const touched = applied.map(({ table, pk, sk }) => ({ table, pk, sk }))
    for (const listener of this.#listeners) listener(touched)
  }
}

function parsed(text: string | undefined): Item | undefined {
  return text === undefined ? undefined : parseItem(text)
}

function carries(item: Item | undefined, writeId: string | undefined): boolean {
  return writeId !== undefined && item?.writeId === writeId
}

function inRange(key: string | undefined, { from, to }: KeyRange): boolean {
  return key !== undefined && compareUtf8(key, from) >= 0 && (to === undefined || compareUtf8(key, to) < 0)
}
