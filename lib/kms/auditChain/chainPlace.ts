import { hash } from 'node:crypto'
import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import type { Item } from '../../ports.ts'

/**
 * Where an item of the audit stands in the chain of whoever wrote it: a process, or an instance of a function. It has no
 * member `format`, which would cost a write unit of some events; another form than this one would have it.
 */
export interface ChainPlace extends JsonObject {
  readonly format?: undefined
  /** 32 hex digits, random, of the process. */
  readonly writer: string
  /** Counted from 1. */
  readonly seq: number
  /** The link of the place before; of the first one ''. */
  readonly previous: string
  /** Of each event in its order: SHA-256 of its canonical text, base64. */
  readonly digests: readonly string[]
  /**
   * Earlier places that no head covers yet and that were not known to be stored when this one was made: their change was
   * refused, their write failed or was under way. Any other place before this one was in the table.
   */
  readonly open?: readonly PlaceRange[]
}

/** From and to, both inclusive. */
export type PlaceRange = readonly [number, number]

/** What of an item is in its link beside its place: another key or another expiry is another item. */
export type PlacedItem = Pick<Item, 'pk' | 'sk' | 'expiresAt'>

/** SHA-256, base64, of an item's keys, its expiry and its place, and so of its events and of every place before it. */
export function linkOf({ pk, sk, expiresAt }: PlacedItem, place: ChainPlace): string {
  return hash('sha256', canonicalJson({ ...place, format: 'vaultspan/audit-link/1', pk, sk, expiresAt }), 'base64')
}

export function digestOf(canonicalEvent: string): string {
  return hash('sha256', canonicalEvent, 'base64')
}

/** Ascending numbers as ranges. */
export function rangesOf(numbers: Iterable<number>): readonly PlaceRange[] {
  const ranges: [number, number][] = []
  for (const number of numbers) {
    const last = ranges.at(-1)
    if (last?.[1] === number - 1) last[1] = number
    else ranges.push([number, number])
  }
  return ranges
}

/** What of a range is in none of the others. */
export function rangesWithout([from, to]: PlaceRange, others: readonly PlaceRange[]): readonly PlaceRange[] {
  const left: PlaceRange[] = []
  let next = from
  for (const [first, last] of others.toSorted(([a], [b]) => a - b)) {
    if (first > to) break
    if (first > next) left.push([next, first - 1])
    next = Math.max(next, last + 1)
  }
  return next > to ? left : [...left, [next, to]]
}

export function isWithin(ranges: readonly PlaceRange[], seq: number): boolean {
  return ranges.some(([from, to]) => seq >= from && seq <= to)
}
