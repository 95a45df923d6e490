import { auditGroupWrite, minuteMark, type AuditEvent, type AuditGroup, type AuditSink } from './audit.ts'
import type { Logger, Tables, Timers, Write } from '../ports.ts'

export interface GroupedAuditOptions {
  /** How long an event may wait for others: a crash loses at most what came within this time. */
  readonly flushMs: number
  readonly recordsCrypto: boolean
  readonly log: Logger
  readonly timers: Pick<Timers, 'after'>
}

/** A group must stay below an item's 200 KB: an event with the largest loggingContext has 7 KB. */
const maxGroup = 25
const maxWrites = 20
const maxWaiting = 50_000

/** Writes events that do not commit with a change in groups. */
export class GroupedAuditSink implements AuditSink {
  readonly recordsCrypto: boolean
  readonly #tables: Pick<Tables, 'write'>
  readonly #options: GroupedAuditOptions
  readonly #marked = new Set<string>()
  #waiting: AuditEvent[] = []
  /** Calls the next flush off; undefined where none is due. */
  #callOff: (() => void) | undefined
  #flushing: Promise<void> = Promise.resolve()
  #dropped = 0

  constructor(tables: Pick<Tables, 'write'>, options: GroupedAuditOptions) {
    this.#tables = tables
    this.#options = options
    this.recordsCrypto = options.recordsCrypto
  }

  append(event: AuditEvent): void {
    // Memory stays bounded where the table cannot be written: the count of what is lost is logged.
    if (this.#waiting.length >= maxWaiting) {
      this.#dropped += 1
      return
    }
    this.#waiting.push(event)
    this.#callOff ??= this.#options.timers.after(this.#options.flushMs, () => void this.flush())
  }

  async prepare(event: AuditEvent): Promise<void> {
    const mark = this.#markOf(event)
    if (mark !== undefined) await this.#write([mark])
  }

  /** Resolves when everything appended so far is in the table. */
  flush(): Promise<void> {
    this.#callOff?.()
    this.#callOff = undefined
    this.#flushing = this.#flushing.then(() => this.#writeWaiting())
    return this.#flushing
  }

  async close(): Promise<void> {
    await this.flush()
  }

  async #writeWaiting(): Promise<void> {
    const { log } = this.#options
    if (this.#dropped > 0)
      log.error('Audit events were dropped: the table did not keep up.', undefined, { count: this.#dropped })
    this.#dropped = 0
    const events = this.#waiting
    this.#waiting = []
    const writes = groups(events).map(auditGroupWrite)
    for (let start = 0; start < writes.length; start += maxWrites) {
      const batch = writes.slice(start, start + maxWrites)
      const marks = batch.flatMap(({ item }) => this.#markOf(item.events[0]) ?? [])
      try {
        if (marks.length > 0) await this.#write(marks)
        await this.#write(batch)
      } catch (cause) {
        const count = batch.reduce((sum, { item }) => sum + item.events.length, 0)
        log.error('Audit events could not be written.', cause, { count })
      }
    }
  }

  /** Undefined where this process has marked the minute before. */
  #markOf(event: AuditEvent): Write | undefined {
    const mark = minuteMark(event)
    const name = `${mark.item.pk} ${mark.item.sk}`
    if (this.#marked.has(name)) return undefined
    if (this.#marked.size > 10_000) this.#marked.clear()
    this.#marked.add(name)
    return mark
  }

  async #write(writes: readonly Write[]): Promise<void> {
    await this.#tables.write(writes)
  }
}

/** Events of one compartment and minute lie together. */
function groups(events: readonly AuditEvent[]): readonly AuditGroup[] {
  const open = new Map<string, [AuditEvent, ...AuditEvent[]]>()
  const full: AuditGroup[] = []
  for (const event of events) {
    const place = `${event.data.compartmentId} ${event.eventTime.slice(0, 16)}`
    const group = open.get(place)
    if (group === undefined) open.set(place, [event])
    else if (group.length < maxGroup) group.push(event)
    else {
      full.push(group)
      open.set(place, [event])
    }
  }
  return [...full, ...open.values()]
}
