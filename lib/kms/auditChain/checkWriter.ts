import type { AuditEvent, AuditItem } from '../audit.ts'
import type { HeadRow } from './auditHead.ts'
import { isBeginning } from './checkHeads.ts'
import { isWithin, linkOf, rangesOf, rangesWithout, type ChainPlace, type PlaceRange } from './chainPlace.ts'
import { checkEvents, found, timeIn } from './checkItem.ts'
import { named, type Finding } from './finding.ts'

export interface WriterCheckOptions {
  readonly region: string
  readonly writer: string
  /** Those that are there, in order, each with places that it has signed. */
  readonly heads: readonly HeadRow[]
  /** Unix time in seconds. */
  readonly now: number
  /** Whether the items of this head should be there: an export may hold those of a time only. */
  readonly isWanted: (head: HeadRow['head']) => boolean
}

/** Nobody has so many places under way: one so far behind the end is none that its writer gave out. */
const maxUnderWay = 1_000_000

interface Gap {
  readonly from: number
  readonly to: number
  readonly before: AuditEvent | undefined
  readonly after: AuditEvent | undefined
  /** What the item behind it says of places before it. */
  readonly open: readonly PlaceRange[]
}

/** Goes along one writer's chain, item for item in the order of their places. */
export class WriterCheck {
  readonly findings: Finding[] = []
  readonly #options: WriterCheckOptions
  /** The next place to be accounted for. */
  #next: number
  #head = 0
  /** Of the place before, where it is known. */
  #link: string | undefined
  #last: { readonly event: AuditEvent | undefined; readonly place: ChainPlace } | undefined
  /** Where no head is: behind the last one, or where one was deleted. */
  readonly #gaps: Gap[] = []
  #expired = 0
  #unsigned = 0
  #outside = 0

  constructor(options: WriterCheckOptions) {
    this.#options = options
    const [first] = options.heads
    const isHere = first === undefined || !isBeginning(first.head, options.now)
    // Where the first heads were deleted, what they covered is judged by its links.
    this.#next = isHere ? 1 : first.head.from
    this.#link = this.#next === 1 ? '' : undefined
  }

  /** Items that have expired, events that no head covers, and places outside of the time of an export. */
  get counts(): { readonly expired: number; readonly unsigned: number; readonly outside: number } {
    return { expired: this.#expired, unsigned: this.#unsigned, outside: this.#outside }
  }

  item(item: AuditItem, place: ChainPlace): void {
    const { region } = this.#options
    const { events, findings } = checkEvents(region, item, place)
    this.findings.push(...findings)
    const [event] = events
    const { seq } = place
    if (seq < this.#next) {
      const says = `The event ${named(event ?? {})} has the place ${seq} of its writer's chain, which is another's.`
      this.findings.push(found(region, 'inserted', event ?? { eventTime: timeIn(item) }, says))
      return
    }
    const last = this.#options.heads.at(-1)?.head
    if (seq - Math.max(this.#next, last?.to ?? 0) > maxUnderWay) {
      const says = `The event ${named(event ?? {})} has the place ${seq} of its writer's chain, far behind its end.`
      this.findings.push(found(region, 'altered', event ?? { eventTime: timeIn(item) }, says))
      return
    }
    this.#skip(seq, event, place.open)
    if (last?.isLast === true && seq > last.to) {
      const says = `The event ${named(event ?? {})} stands behind the end of its writer's chain, which was signed.`
      this.findings.push(found(region, 'inserted', event ?? { eventTime: timeIn(item) }, says))
    }
    this.#judge(item, place, event, findings.length > 0)
    this.#next = seq + 1
    this.#last = { event, place }
  }

  end(): void {
    const { heads } = this.#options
    this.#skip((heads.at(-1)?.head.to ?? this.#next - 1) + 1, undefined, [])
    // What the last one that was written knew to be stored must be there; what was under way may have ended with its writer.
    const open = this.#last?.place.open ?? []
    const behind = heads.at(-1)?.head.to ?? 0
    for (const gap of this.#gaps) {
      // Where a head was deleted, later items do not speak of its places any more.
      const underWay = gap.to <= behind ? gap.open : open
      this.#missing(gap, rangesWithout([gap.from, gap.to], underWay))
    }
  }

  /** The places up to `seq` hold nothing. */
  #skip(seq: number, after: AuditEvent | undefined, open: readonly PlaceRange[] = []): void {
    const before = this.#last?.event
    for (let from = this.#next; from < seq;) {
      const row = this.#covering(from)
      const to = Math.min(seq - 1, row?.head.to ?? this.#beforeNextHead())
      const gap = { from, to, before, after, open }
      if (row === undefined) {
        this.#gaps.push(gap)
        this.#link = undefined
      } else {
        if (this.#options.isWanted(row.head)) this.#missing(gap, this.#missingIn(row, gap))
        else this.#outside += to - from + 1
        this.#link = row.places.links[to - row.head.from]
      }
      from = to + 1
    }
    this.#next = Math.max(this.#next, seq)
  }

  /** A head covers no more than fit into its row. */
  #missingIn(row: HeadRow, { from, to }: Gap): readonly PlaceRange[] {
    const places = Array.from({ length: to - from + 1 }, (_, index) => from + index)
    return rangesOf(places.filter((place) => !this.#isExcused(row, place)))
  }

  #isExcused({ places: { absent, expiries } }: HeadRow, seq: number): boolean {
    if (isWithin(absent, seq)) return true
    const expiry = expiries.findLast(([from]) => from <= seq)?.[1] ?? null
    const isExpired = expiry !== null && expiry <= this.#options.now
    if (isExpired) this.#expired += 1
    return isExpired
  }

  #missing({ from, before, after }: Gap, places: readonly PlaceRange[]): void {
    if (places.length === 0) return
    const { region, writer } = this.#options
    const count = places.reduce((sum, [first, last]) => sum + last - first + 1, 0)
    const what = `${placesIn(places, count)} of writer ${writer} ${count === 1 ? 'is' : 'are'} missing`
    const where = [
      before === undefined ? '' : `after ${named(before)}`,
      after === undefined ? '' : `before ${named(after)}`,
    ]
    const says = [
      `${what}:`,
      count === 1 ? 'it was deleted,' : 'they were deleted,',
      where.filter(Boolean).join(' and '),
    ]
    // Behind whatever cannot be read, which is no event in its place any more and is named by itself.
    const at = after?.eventTime ?? this.#covering(from)?.head.lastTime ?? before?.eventTime
    this.findings.push(
      found(region, 'missing', at === undefined ? {} : { eventTime: at }, `${says.join(' ').replace(/, $/, '')}.`),
    )
  }

  #judge(item: AuditItem, place: ChainPlace, event: AuditEvent | undefined, isFound: boolean): void {
    const { region } = this.#options
    const row = this.#covering(place.seq)
    const link = linkOf(item, place)
    const signed = row?.places.links[place.seq - row.head.from]
    if (row === undefined) this.#unsigned += place.digests.length
    const expected = signed ?? link
    const follows = this.#link === undefined || this.#link === place.previous
    // Under a signature the item itself is at fault; without one, either of the two: the later one says what the earlier was.
    const isWrong = signed === undefined ? !follows : signed !== link
    if (isWrong && !isFound) {
      const culprit = signed === undefined ? (this.#last?.event ?? event) : event
      const says = `What the audit holds beside the event ${named(culprit ?? {})} was altered: its place, its key or its expiry.`
      this.findings.push(found(region, 'altered', culprit ?? { eventTime: timeIn(item) }, says))
    }
    this.#link = expected
  }

  #beforeNextHead(): number {
    return (this.#options.heads[this.#head]?.head.from ?? Infinity) - 1
  }

  /** Heads are asked for in order. */
  #covering(seq: number): HeadRow | undefined {
    const { heads } = this.#options
    while ((heads[this.#head]?.head.to ?? Infinity) < seq) this.#head += 1
    const row = heads[this.#head]
    return row !== undefined && row.head.from <= seq ? row : undefined
  }
}

function placesIn(places: readonly PlaceRange[], count: number): string {
  const [first = 0, last = first] = [places[0]?.[0], places.at(-1)?.[1]]
  return count === 1 ? `Place ${first}` : `${count} places from ${first} to ${last}`
}
