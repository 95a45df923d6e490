import {
  auditKey,
  auditText,
  auditWrite,
  markedAuditWrites,
  minuteMark,
  minuteOf,
  timesOf,
  type AuditEvent,
  type AuditItem,
  type AuditSink,
  type AuditText,
  type AuditWrite,
  type MarkedAuditWrites,
} from './audit.ts'
import { LruCache } from '../lruCache.ts'
import type { Logger, Tables, Timers } from '../ports.ts'
import { parseJson } from '../parseJson.ts'

export interface GroupedAuditOptions {
  /** How long an event may wait for others: a crash loses at most what came within this time. */
  readonly flushMs: number
  readonly crypto: AuditSink['crypto']
  readonly log: Logger
  readonly timers: Pick<Timers, 'after'>
  /** Takes what other threads have recorded and nobody has taken yet; asked at each flush. */
  readonly collect?: () => readonly AuditText[]
  /** Told how many events will never be in the table, for a metric with an alarm. */
  readonly onLoss?: (count: number) => void
}

/** A group must stay below an item's 200 KB; an event has some 2 KB, with the longest headers 20. */
const maxGroup = 25
const maxGroupBytes = 150_000
const maxWrites = 20
const maxWaiting = 50_000
/** A group that the table has refused so often is given up: with the others it would wait for ever. */
const maxAttempts = 10

/** An item of Audit as its JSON, and what its place in the chain says of it. */
export interface AuditItemText {
  readonly pk: string
  readonly sk: string
  readonly expiresAt: number | undefined
  readonly text: string
  /** Of its events. */
  readonly digests: readonly string[]
  readonly tenancyId: string
  readonly firstTime: string
  readonly lastTime: string
}

/** Where the items go. */
export interface AuditTable extends Pick<Tables, 'write'> {
  /** As unconditional puts in one write, for a table that takes an item's text as it is. */
  putTexts?(table: 'Audit', items: readonly AuditItemText[]): Promise<void>
}

/** Events that are one item. What a table has not taken is written again as the very same item, so never twice. */
interface Group {
  readonly first: AuditText
  readonly item: AuditItemText
  readonly count: number
  attempts: number
}

/** Writes events that do not commit with a change in groups. */
export class GroupedAuditSink implements AuditSink {
  readonly crypto: AuditSink['crypto']
  readonly #tables: AuditTable
  readonly #options: GroupedAuditOptions
  readonly #marked = new LruCache<true>(10_000)
  #daysOf: (tenancyId: string) => number | undefined = () => undefined
  #waiting: AuditText[] = []
  /** What a table has refused, to be tried with the next flush. */
  #refused: Group[] = []
  /** Calls the next flush off; undefined where none is due. */
  #callOff: (() => void) | undefined
  #flushing: Promise<void> = Promise.resolve()
  #dropped = 0
  #lost = 0

  constructor(tables: AuditTable, options: GroupedAuditOptions) {
    this.#tables = tables
    this.#options = options
    this.crypto = options.crypto
  }

  keepFor(daysOf: (tenancyId: string) => number | undefined): void {
    this.#daysOf = daysOf
  }

  /** Events that are in no table and never will be, since the start. */
  get lost(): number {
    return this.#lost
  }

  append(event: AuditEvent): void {
    this.#append(this.#textOf(event))
    this.#flushLater()
  }

  /** There is something to collect. */
  expect(): void {
    this.#flushLater()
  }

  /** As append, of what another thread has recorded. */
  take(events: readonly AuditText[]): void {
    for (const event of events) this.#append(event)
    if (events.length > 0) this.#flushLater()
  }

  #append(event: AuditText): void {
    // Memory stays bounded where the table cannot be written: what is lost is counted.
    if (this.#waiting.length + this.#refused.length * maxGroup >= maxWaiting) {
      this.#dropped += 1
      return
    }
    this.#waiting.push(event)
  }

  /** At once, alone: whoever waits for it does not wait for others. @throws what the table throws; nothing is tried again. */
  async written(event: AuditEvent): Promise<void> {
    await this.writeNow(this.#textOf(event))
  }

  /** As written, of what another thread has recorded. */
  async writeNow(event: AuditText): Promise<void> {
    await this.#write([grouped([event])])
  }

  async prepare(event: AuditEvent): Promise<void> {
    await this.#mark([this.#textOf(event)])
  }

  writesOf(event: AuditEvent): MarkedAuditWrites {
    const isMarked = this.#marked.get(nameOf(minuteMark(event))) !== undefined
    const [write, ...mark] = isMarked ? [auditWrite(event)] : markedAuditWrites(event)
    return [this.#expiring(write), ...mark]
  }

  #textOf(event: AuditEvent): AuditText {
    return auditText(event, this.#daysOf)
  }

  /** Marks of minutes stay: they are small, and one that leads to nothing costs a look. */
  #expiring(write: AuditWrite): AuditWrite {
    const { expiresAt } = this.#textOf(write.item.events[0])
    return expiresAt === undefined ? write : { ...write, item: { ...write.item, expiresAt } }
  }

  /** Resolves when everything appended so far has been written or tried. */
  flush(): Promise<void> {
    this.#callOff?.()
    this.#callOff = undefined
    this.#flushing = this.#flushing.then(() => this.#writeWaiting())
    return this.#flushing
  }

  async close(): Promise<void> {
    await this.flush()
    this.#callOff?.()
    const left = this.#refused.reduce((sum, { count }) => sum + count, 0)
    if (left > 0) this.#lose(left, 'Audit events are lost: the table did not take them before the end.')
  }

  #flushLater(): void {
    this.#callOff ??= this.#options.timers.after(this.#options.flushMs, () => void this.flush())
  }

  async #writeWaiting(): Promise<void> {
    if (this.#dropped > 0) this.#lose(this.#dropped, 'Audit events were dropped: the table did not keep up.')
    this.#dropped = 0
    for (const event of this.#options.collect?.() ?? []) this.#append(event)
    const due = [...this.#refused, ...groups(this.#waiting)]
    this.#waiting = []
    this.#refused = []
    for (let start = 0; start < due.length; start += maxWrites) {
      const batch = due.slice(start, start + maxWrites)
      try {
        await this.#write(batch)
      } catch (cause) {
        this.#putBack(batch, cause)
      }
    }
    if (this.#refused.length > 0) this.#flushLater()
  }

  #putBack(batch: readonly Group[], cause: unknown): void {
    const count = batch.reduce((sum, group) => sum + group.count, 0)
    this.#options.log.error('Audit events could not be written.', cause, { count })
    for (const group of batch) {
      group.attempts += 1
      if (group.attempts < maxAttempts) this.#refused.push(group)
      else this.#lose(group.count, 'Audit events are given up: the table has refused them again and again.')
    }
  }

  #lose(count: number, message: string): void {
    this.#lost += count
    this.#options.log.error(message, undefined, { count })
    this.#options.onLoss?.(count)
  }

  /** The marks first: an event must never be there unlisted. */
  async #write(batch: readonly Group[]): Promise<void> {
    await this.#mark(batch.map(({ first }) => first))
    const items = batch.map(({ item }) => item)
    if (this.#tables.putTexts !== undefined) await this.#tables.putTexts('Audit', items)
    else await this.#tables.write(items.map(({ text }) => ({ op: 'put', table: 'Audit', item: parsed(text) })))
  }

  /** A minute counts as marked once its mark is written, and is not written again by this process. */
  async #mark(events: readonly AuditText[]): Promise<void> {
    const marks = new Map<string, ReturnType<typeof minuteMark>>()
    for (const { eventTime, compartmentId } of events) {
      const mark = minuteMark({ eventTime, data: { compartmentId } })
      const name = nameOf(mark)
      if (this.#marked.get(name) === undefined) marks.set(name, mark)
    }
    if (marks.size === 0) return
    await this.#tables.write([...marks.values()])
    for (const name of marks.keys()) this.#marked.set(name, true)
  }
}

function nameOf({ item }: ReturnType<typeof minuteMark>): string {
  return `${item.pk} ${item.sk}`
}

function parsed(text: string): AuditItem {
  return parseJson(text) as AuditItem
}

/** Events of one compartment and minute lie together. */
function groups(events: readonly AuditText[]): readonly Group[] {
  const open = new Map<string, { readonly group: [AuditText, ...AuditText[]]; bytes: number }>()
  const full: (readonly [AuditText, ...AuditText[]])[] = []
  for (const event of events) {
    const place = `${event.compartmentId} ${minuteOf(event.eventTime)}`
    const bytes = Buffer.byteLength(event.text)
    const found = open.get(place)
    if (found !== undefined && found.group.length < maxGroup && found.bytes + bytes <= maxGroupBytes) {
      found.group.push(event)
      found.bytes += bytes
      continue
    }
    if (found !== undefined) full.push(found.group)
    open.set(place, { group: [event], bytes })
  }
  return [...full, ...[...open.values()].map(({ group }) => group)].map(grouped)
}

/** The item's JSON, whose events are text already. */
function grouped(events: readonly [AuditText, ...AuditText[]]): Group {
  const [first] = events
  const { pk, sk } = auditKey(first)
  const texts = events.map(({ text }) => text).join(',')
  const { expiresAt, tenancyId } = first
  const expiry = expiresAt === undefined ? '' : `,"expiresAt":${expiresAt}`
  const text = `{"pk":${JSON.stringify(pk)},"sk":${JSON.stringify(sk)},"events":[${texts}]${expiry}}`
  const digests = events.map(({ digest }) => digest)
  const item = { pk, sk, expiresAt, text, digests, tenancyId, ...timesOf(events) }
  return { first, item, count: events.length, attempts: 0 }
}
