import type { Clock, Item, Page, PageRequest, ScanRequest, TableName } from '../../ports.ts'
import { keyRange, requireLimit, requirePage } from '../keyRange.ts'
import { pageOf } from '../pageOf.ts'
import { scanNext, scanPlace } from '../scanPlace.ts'
import type { ItemStatements } from './itemStatements.ts'
import { ReadTurns } from './readTurns.ts'

/** What reads a table itself, on whichever connection the statements are of. */
export class ItemReads {
  readonly #items: ItemStatements
  readonly #clock: Clock
  readonly #turns: ReadTurns

  constructor(items: ItemStatements, clock: Clock, turns = new ReadTurns()) {
    this.#items = items
    this.#clock = clock
    this.#turns = turns
  }

  async get(table: TableName, pk: string, sk: string): Promise<Item | undefined> {
    return this.#items.get(table, pk, sk, this.#clock())
  }

  async query(table: TableName, pk: string, skPrefix: string, request: PageRequest): Promise<Page> {
    requirePage(request)
    for (let turn = this.#turns.turn(); turn !== undefined; turn = this.#turns.turn()) await turn
    const { limit, descending = false } = request
    const range = keyRange(skPrefix, request)
    const { items, isCut } = this.#items.list(table, 'sk', pk, range, descending, this.#clock(), limit + 1)
    this.#turns.count(items.length)
    return pageOf(items, limit, 'sk', isCut)
  }

  async scan(table: TableName, request: ScanRequest): Promise<Page> {
    requireLimit(request)
    for (let turn = this.#turns.turn(); turn !== undefined; turn = this.#turns.turn()) await turn
    const { limit, after } = request
    const place = after === undefined ? { pk: '', sk: '' } : scanPlace(after)
    const { items, isCut } = this.#items.scan(table, place, this.#clock(), limit)
    this.#turns.count(items.length)
    const last = items.at(-1)
    // Whether another one follows is not looked for: the page behind the last one may be empty.
    return { items, ...(last !== undefined && (isCut || items.length === limit) ? { next: scanNext(last) } : {}) }
  }
}
