import type { HeadPlaces } from './auditHead.ts'
import { linkOf, rangesOf, type ChainPlace, type PlacedItem } from './chainPlace.ts'

/** An item that is to be written, and what a head says of it. */
export interface NewItem extends PlacedItem {
  readonly digests: readonly string[]
  readonly tenancyId: string
  /** Of its first event and its last. */
  readonly firstTime: string
  readonly lastTime: string
}

/** What became of a write. Failed: nobody knows whether it is in the table. */
export type Fate = 'stored' | 'refused' | 'failed'

interface Place {
  readonly item: NewItem
  readonly previous: string
  readonly link: string
  fate: Fate | 'open'
}

/** Places in a row whose fate is known, for one head. */
export interface Segment extends HeadPlaces {
  readonly from: number
  readonly to: number
  readonly firstTime: string
  readonly lastTime: string
  /** When the last of them has expired; null: never. */
  readonly keptUntil: number | null
  readonly tenancies: readonly string[]
}

/** A head must stay well below an item's 200 KB: a place has 50 bytes in it. */
const maxPlaces = 1000

/** Gives out the places of one writer's chain, at once: nobody waits for a write before it. */
export class WriterPlaces {
  readonly writer: string
  #next = 1
  #link = ''
  /** Those that no head covers yet, in order. */
  readonly #places = new Map<number, Place>()
  /** Those of them that are not known to be stored. */
  readonly #open = new Set<number>()

  constructor(writer: string) {
    this.writer = writer
  }

  /** How many no head covers yet. */
  get waiting(): number {
    return this.#places.size
  }

  take(item: NewItem): ChainPlace {
    const seq = this.#next
    const open = rangesOf([...this.#open].sort((a, b) => a - b))
    const place: ChainPlace = {
      writer: this.writer,
      seq,
      previous: this.#link,
      digests: item.digests,
      ...(open.length === 0 ? {} : { open }),
    }
    const link = linkOf(item, place)
    this.#places.set(seq, { item, previous: this.#link, link, fate: 'open' })
    this.#open.add(seq)
    this.#next += 1
    this.#link = link
    return place
  }

  settle(seq: number, fate: Fate): void {
    const place = this.#places.get(seq)
    if (place === undefined) return
    place.fate = fate
    if (fate === 'stored') this.#open.delete(seq)
    this.#takeBack()
  }

  /** Refused places that nothing is linked to are given out again, so that a change that is repeated leaves no gap. */
  #takeBack(): void {
    for (let last = this.#next - 1; this.#places.get(last)?.fate === 'refused'; last -= 1) {
      this.#link = this.#places.get(last)?.previous ?? ''
      this.#next = last
      this.#places.delete(last)
      this.#open.delete(last)
    }
  }

  /** What the next head can cover; undefined: nothing. */
  segment(): Segment | undefined {
    const settled: SegmentPlace[] = []
    for (const [seq, { item, link, fate }] of this.#places) {
      if (fate === 'open' || settled.length === maxPlaces) break
      settled.push({ seq, item, link, isStored: fate === 'stored' })
    }
    return segmentOf(settled)
  }

  /** A head covers all up to this place. */
  sealed(to: number): void {
    for (const seq of [...this.#places.keys()]) {
      if (seq > to) return
      this.#places.delete(seq)
      this.#open.delete(seq)
    }
  }
}

/** A place in a segment, and what is known of it. */
export interface SegmentPlace {
  readonly seq: number
  readonly item: NewItem
  readonly link: string
  readonly isStored: boolean
}

/** Of places in a row; undefined: of none. */
export function segmentOf(places: readonly SegmentPlace[]): Segment | undefined {
  const [first] = places
  if (first === undefined) return undefined
  const expiries: [number, number | null][] = []
  let keptUntil: number | null = 0
  for (const { seq, item } of places) {
    const { expiresAt = null } = item
    const minute = expiresAt === null ? null : expiresAt - (expiresAt % 60)
    if (expiries.length === 0 || expiries.at(-1)?.[1] !== minute) expiries.push([seq, minute])
    keptUntil = keptUntil === null || expiresAt === null ? null : Math.max(keptUntil, expiresAt)
  }
  const times = places.flatMap(({ item }) => [item.firstTime, item.lastTime])
  return {
    links: places.map(({ link }) => link),
    absent: rangesOf(places.flatMap(({ seq, isStored }) => (isStored ? [] : [seq]))),
    expiries,
    from: first.seq,
    to: first.seq + places.length - 1,
    firstTime: times.reduce(least),
    lastTime: times.reduce(greatest),
    keptUntil,
    tenancies: [...new Set(places.map(({ item }) => item.tenancyId))],
  }
}

function least(a: string, b: string): string {
  return a < b ? a : b
}

function greatest(a: string, b: string): string {
  return a < b ? b : a
}
