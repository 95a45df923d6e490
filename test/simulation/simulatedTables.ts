import {
  pageBytes,
  type IndexName,
  type Item,
  type Page,
  type PageRequest,
  type ScanRequest,
  type TableName,
  type TimeAdvanced,
  type TimeStep,
  type Write,
  type WriteOutcome,
} from '../../lib/ports.ts'
import { advance } from '../../lib/store/advance.ts'
import type { Change } from '../../lib/store/change.ts'
import { conditionHolds, isExpired } from '../../lib/store/conditionHolds.ts'
import { encodeWrites } from '../../lib/store/encodeWrites.ts'
import { requireLimit, requirePage } from '../../lib/store/keyRange.ts'
import { pageOf } from '../../lib/store/pageOf.ts'
import { scanNext, scanPlace, type ScanPlace } from '../../lib/store/scanPlace.ts'
import { compareUtf8 } from '../../lib/compareUtf8.ts'

/** A partition of a table or of an index: items by sort key or address. Copied before the first write after a fork. */
type Part = Map<string, Item>

/** A change that an index does not show yet. */
interface LateChange {
  readonly visibleAt: number
  readonly table: TableName
  readonly old: Item | undefined
  readonly item: Item | undefined
}

export interface SimulatedTablesOptions {
  readonly now: () => number
  /** How late an index learns of a change; drawn for each. */
  readonly indexLagMs?: () => number
  /** How many items the next page may have, drawn for each: a page may end early. Undefined: as many as are asked for. */
  readonly pageItems?: () => number | undefined
  /** Whether every limit of the port is checked at each write, as the adapters do; slow. */
  readonly isStrict?: boolean
}

/** Numbered in the order of commits, over all tables. */
export interface OrderedChange extends Change {
  readonly number: number
}

type CommitListener = (table: TableName, old: Item | undefined, item: Item | undefined) => void

const streamed: ReadonlySet<TableName> = new Set<TableName>(['Vaults', 'Keys', 'Identity'])

/** The rows of one region, as lib/store keeps them; test/simulation/simulatedTables.test.ts holds it to the contract. */
export class SimulatedTables {
  readonly #options: SimulatedTablesOptions
  readonly #parts: Map<string, Part>
  readonly #indexes: Map<string, Part>
  readonly #owned = new Set<Part>()
  /** By the item's address. */
  readonly #late = new Map<string, LateChange[]>()
  readonly #listeners: CommitListener[] = []
  #commits = 0
  /** Not yet taken by the fan-out, each table's in the order of its commits. */
  readonly changes: Record<'Vaults' | 'Keys' | 'Identity', OrderedChange[]> = { Vaults: [], Keys: [], Identity: [] }

  constructor(options: SimulatedTablesOptions, from?: SimulatedTables) {
    this.#options = options
    if (from === undefined) {
      this.#parts = new Map()
      this.#indexes = new Map()
      return
    }
    from.#owned.clear()
    this.#parts = new Map(from.#parts)
    this.#indexes = new Map(from.#indexes)
    for (const [address, waiting] of from.#late) for (const late of waiting) this.#show(address, late)
  }

  /** Another region's rows like these, which then go their own way. Its indexes are up to date. */
  fork(options: SimulatedTablesOptions): SimulatedTables {
    return new SimulatedTables(options, this)
  }

  onCommit(listener: CommitListener): void {
    this.#listeners.push(listener)
  }

  get(table: TableName, pk: string, sk: string): Item | undefined {
    const item = this.#parts.get(`${table} ${pk}`)?.get(sk)
    return item === undefined || isExpired(item, this.#options.now()) ? undefined : item
  }

  query(table: TableName, pk: string, skPrefix: string, request: PageRequest): Page {
    requirePage(request)
    const part = this.#parts.get(`${table} ${pk}`)
    return part === undefined ? { items: [] } : this.#page(part.values(), 'sk', skPrefix, request)
  }

  queryIndex(table: TableName, index: IndexName, gpk: string, request: PageRequest): Page {
    requirePage(request)
    if (this.#late.size > 0) this.#showLate(this.#options.now())
    const part = this.#indexes.get(`${table} ${gpk}`)
    return part === undefined ? { items: [] } : this.#page(part.values(), index, '', request)
  }

  scan(table: TableName, { limit, after }: ScanRequest): Page {
    requireLimit({ limit })
    const items = [...this.all(table)].sort(byKeys)
    const place = after === undefined ? undefined : scanPlace(after)
    const rest = place === undefined ? items : items.filter((item) => byKeys(item, place) > 0)
    const shown = rest.slice(0, Math.min(limit, itemsWithin(pageBytes, rest)))
    const last = shown.at(-1)
    return { items: shown, ...(last !== undefined && rest.length > shown.length ? { next: scanNext(last) } : {}) }
  }

  write(writes: readonly Write[], writeId?: string): WriteOutcome {
    this.#requireLimits(writes, writeId)
    const failed: number[] = []
    let isOurs = false
    for (const [position, write] of writes.entries()) {
      if (write.condition === undefined) continue
      const { pk, sk } = write.op === 'put' ? write.item : write
      const found = this.get(write.table, pk, sk)
      if (conditionHolds(write.condition, found)) continue
      failed.push(position)
      if (write.op === 'put' && writeId !== undefined && found?.writeId === writeId) isOurs = true
    }
    if (failed.length > 0) return isOurs ? { ok: true } : { ok: false, failed }
    for (const write of writes) {
      if (write.op === 'put') this.#commit(write.table, write.item.pk, write.item.sk, stored(write.item, writeId))
      else if (write.op === 'delete') this.#commit(write.table, write.pk, write.sk, undefined)
    }
    return { ok: true }
  }

  advance(pk: string, sk: string, step: TimeStep): TimeAdvanced {
    const { outcome, item } = advance(this.get('Requests', pk, sk), pk, sk, step)
    if (item !== undefined) this.#commit('Requests', pk, sk, stored(item, undefined))
    return outcome
  }

  /** The items of one partition, in no order. */
  *partition(table: TableName, pk: string): Generator<Item> {
    const now = this.#options.now()
    for (const item of this.#parts.get(`${table} ${pk}`)?.values() ?? []) if (!isExpired(item, now)) yield item
  }

  /** Every item of a table that has not expired. */
  *all(table: TableName): Generator<Item> {
    const now = this.#options.now()
    for (const [name, part] of this.#parts) {
      if (!name.startsWith(`${table} `)) continue
      for (const item of part.values()) if (!isExpired(item, now)) yield item
    }
  }

  /** Removes what has expired from the storage itself. */
  sweep(): void {
    const now = this.#options.now()
    for (const name of this.#parts.keys()) {
      const part = this.#own(this.#parts, name)
      for (const [sk, item] of part) if (isExpired(item, now)) part.delete(sk)
    }
  }

  #requireLimits(writes: readonly Write[], writeId: string | undefined): void {
    if (this.#options.isStrict === true) {
      encodeWrites(writes, writeId)
      return
    }
    if (writes.length > 100) throw new RangeError(`A call may hold 100 writes, not ${writes.length}.`)
    if (writes.length < 2) return
    const seen = new Set<string>()
    for (const write of writes) {
      const { pk, sk } = write.op === 'put' ? write.item : write
      seen.add(`${write.table} ${pk} ${sk}`)
    }
    if (seen.size < writes.length) throw new RangeError('A call may name an item once.')
  }

  #commit(table: TableName, pk: string, sk: string, item: Item | undefined): void {
    const part = this.#own(this.#parts, `${table} ${pk}`)
    const kept = part.get(sk)
    const now = this.#options.now()
    const old = kept === undefined || isExpired(kept, now) ? undefined : kept
    if (item === undefined) part.delete(sk)
    else part.set(sk, item)
    if (old === undefined && item === undefined) return
    if (streamed.has(table)) {
      const images = { old: old ?? null, new: item ?? null }
      this.#commits += 1
      this.changes[table as 'Keys'].push({ number: this.#commits, table, pk, sk, ...images, committedAt: now })
    }
    if (kept?.gpk !== undefined || item?.gpk !== undefined) this.#index(table, `${pk} ${sk}`, kept, item)
    for (const listener of this.#listeners) listener(table, old, item)
  }

  #index(table: TableName, address: string, old: Item | undefined, item: Item | undefined): void {
    const lag = this.#options.indexLagMs?.() ?? 0
    const name = `${table} ${address}`
    const waiting = this.#late.get(name) ?? []
    const visibleAt = Math.max(this.#options.now() + lag, waiting.at(-1)?.visibleAt ?? 0)
    const change = { visibleAt, table, old, item }
    if (lag === 0 && waiting.length === 0) this.#show(name, change)
    else this.#late.set(name, [...waiting, change])
  }

  #showLate(now: number): void {
    for (const [name, waiting] of this.#late) {
      const due = waiting.filter(({ visibleAt }) => visibleAt <= now)
      for (const change of due) this.#show(name, change)
      if (due.length === waiting.length) this.#late.delete(name)
      else if (due.length > 0) this.#late.set(name, waiting.slice(due.length))
    }
  }

  #show(address: string, { table, old, item }: LateChange): void {
    if (old?.gpk !== undefined) this.#own(this.#indexes, `${table} ${old.gpk}`).delete(address)
    if (item?.gpk !== undefined) this.#own(this.#indexes, `${table} ${item.gpk}`).set(address, item)
  }

  #own(parts: Map<string, Part>, name: string): Part {
    const part = parts.get(name)
    if (part !== undefined && this.#owned.has(part)) return part
    const copy: Part = new Map(part)
    this.#owned.add(copy)
    parts.set(name, copy)
    return copy
  }

  #page(items: Iterable<Item>, key: 'sk' | IndexName, prefix: string, request: PageRequest): Page {
    const { limit, after, descending = false } = request
    const now = this.#options.now()
    const found: Item[] = []
    for (const item of items) {
      const text = item[key]
      if (text === undefined || !text.startsWith(prefix) || isExpired(item, now)) continue
      if (after === undefined || (descending ? isBefore(text, after) : isBefore(after, text))) found.push(item)
    }
    found.sort((left, right) => (isBefore(left[key] ?? '', right[key] ?? '') !== descending ? -1 : 1))
    const most =
      this.#options.isStrict === true ? itemsWithin(pageBytes, found) : (this.#options.pageItems?.() ?? limit)
    return most < Math.min(limit, found.length)
      ? pageOf(found.slice(0, most), limit, key, true)
      : pageOf(found, limit, key)
  }
}

/** How many items there are up to the one that makes the page large enough. */
function itemsWithin(bytes: number, items: readonly Item[]): number {
  let [count, sum] = [0, 0]
  while (count < items.length && sum < bytes) {
    sum += JSON.stringify(items[count]).length
    count += 1
  }
  return count
}

const isAscii = /^[ -~]*$/

/** By UTF-8 bytes. */
function isBefore(left: string, right: string): boolean {
  if (isAscii.test(left) && isAscii.test(right)) return left < right
  return Buffer.compare(Buffer.from(left), Buffer.from(right)) < 0
}

/** As JSON would keep it: without what is undefined, and with no other write's id. */
function stored(item: Item, writeId: string | undefined): Item {
  const kept: Record<string, Item[string]> = {}
  // In order, because canonical text sorts them at every look.
  for (const name of Object.keys(item).sort()) {
    const value = item[name]
    if (value !== undefined && name !== 'writeId') kept[name] = value
  }
  if (writeId !== undefined) kept['writeId'] = writeId
  return kept as Item
}

function byKeys(one: ScanPlace, other: ScanPlace): number {
  return compareUtf8(one.pk, other.pk) || compareUtf8(one.sk, other.sk)
}
