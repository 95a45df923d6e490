import type { JsonObject } from '../canonicalJson.ts'
import type { RandomBytes } from '../ocid.ts'
import { eachItem, eachPage } from './rows/pages.ts'
import type { Clock, Item, PageRequest, Tables, Write } from '../ports.ts'

/** An event as ListEvents returns it (contract §10.1). */
export interface AuditEvent extends JsonObject {
  readonly eventType: string
  readonly eventId: string
  readonly eventTime: string
  readonly data: JsonObject & { readonly compartmentId: string }
}

/** Where events go that do not commit with a write: reads, refusals, and crypto where its audit is on. */
export interface AuditSink {
  /** Resolves at once where events are written in groups; the loss window is the host's (docs/operating). */
  append(event: AuditEvent): Promise<void> | void
  /** Makes the event's minute known to listings before the event itself is committed elsewhere. */
  prepare(event: AuditEvent): Promise<void> | void
  /** Resolves when the event is in the table. @throws where it is not. */
  written(event: AuditEvent): Promise<void>
  /** Whether crypto calls are recorded; required: none is answered with success before its event is in the table. */
  readonly crypto: 'on' | 'off' | 'required'
}

export type AuditGroup = readonly [AuditEvent, ...AuditEvent[]]

/** Events that were written together; those of a change are alone, because they commit with it. */
export interface AuditItem extends Item {
  readonly events: AuditGroup
}

const dayMs = 86_400_000

/** Spreads one compartment's events of a minute over partitions. */
const shards = 4

/** The partition of an event: its compartment, minute and shard. */
function partition(compartmentId: string, minute: string, shard: number): string {
  return `${compartmentId}#${minute}#${shard}`
}

export type AuditWrite = Extract<Write, { op: 'put' }> & { readonly item: AuditItem }

export function auditWrite(event: AuditEvent): AuditWrite {
  return auditGroupWrite([event])
}

/** Events of one compartment and minute, as one item. */
export function auditGroupWrite(events: AuditGroup): AuditWrite {
  const [event] = events
  const minute = event.eventTime.slice(0, 16)
  const shard = (event.eventId.codePointAt(0) ?? 0) % shards
  const item: AuditItem = {
    pk: partition(event.data.compartmentId, minute, shard),
    sk: placeOf(event),
    events,
  }
  return { op: 'put', table: 'Audit', item }
}

/** Says that a compartment has events in a minute, so that a year's listing does not try half a million partitions. */
export function minuteMark({
  eventTime,
  data: { compartmentId },
}: Pick<AuditEvent, 'eventTime'> & { data: { compartmentId: string } }): Extract<Write, { op: 'put' }> {
  const item: Item = { pk: `marks#${compartmentId}#${eventTime.slice(0, 7)}`, sk: eventTime.slice(0, 16) }
  return { op: 'put', table: 'Audit', item }
}

/** An event with its minute's mark, for a transaction whose minute nobody has marked. */
export function markedAuditWrites(event: AuditEvent): readonly Write[] {
  return [auditWrite(event), minuteMark(event)]
}

/** The `.end` that belongs to a `.begin`: same request, its own id and time. */
export function endOf(begin: AuditEvent, now: number, random: RandomBytes, current: JsonObject): AuditEvent {
  const eventTime = new Date(now).toISOString()
  const data = { ...begin.data, stateChange: { previous: null, current } }
  return {
    ...begin,
    eventType: begin.eventType.replace(/\.begin$/, '.end'),
    eventId: newEventId(random),
    eventTime,
    data,
  }
}

export function newEventId(random: RandomBytes): string {
  const bytes = Buffer.from(random(16))
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** Sorts events by time. */
function placeOf({ eventTime, eventId }: AuditEvent): string {
  return `${eventTime}#${eventId}`
}

export interface EventQuery {
  readonly compartmentId: string
  /** RFC 3339 with milliseconds, UTC; inclusive and exclusive. */
  readonly startTime: string
  readonly endTime: string
  readonly limit: number
  /** The sort key of the last event seen. */
  readonly after?: string
}

/** Events in ascending order of their time. */
export async function listEvents(
  { tables, clock }: { readonly tables: Pick<Tables, 'query'>; readonly clock: Clock },
  query: EventQuery,
): Promise<{ readonly events: readonly AuditEvent[]; readonly next?: string }> {
  const found: AuditEvent[] = []
  // What comes after now has no events yet, however far a caller looks ahead.
  const now = new Date(clock() + dayMs).toISOString()
  const end = query.endTime < now ? query.endTime : now
  for await (const minute of minutes(tables, query, end)) {
    const pages = await Promise.all(
      Array.from({ length: shards }, (_, shard) => minuteEvents(tables, partition(query.compartmentId, minute, shard))),
    )
    const inRange = (event: AuditEvent) =>
      event.eventTime >= query.startTime &&
      event.eventTime < query.endTime &&
      (query.after === undefined || placeOf(event) > query.after)
    found.push(
      ...pages
        .flat()
        .filter(inRange)
        .sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1)),
    )
    if (found.length > query.limit) break
  }
  const events = found.slice(0, query.limit)
  const last = events.at(-1)
  return { events, ...(found.length > query.limit && last !== undefined ? { next: placeOf(last) } : {}) }
}

/** `after` comes from a page token, so it is only compared, never taken for a time. */
async function* minutes(
  tables: Pick<Tables, 'query'>,
  { compartmentId, startTime, after: seen = '' }: EventQuery,
  end: string,
): AsyncGenerator<string> {
  const first = (seen > startTime ? seen : startTime).slice(0, 16)
  for (const month of months(startTime, end)) {
    if (month < first.slice(0, 7)) continue
    const read = (request: PageRequest) => tables.query('Audit', `marks#${compartmentId}#${month}`, '', request)
    for await (const { sk } of eachItem(read, { limit: 1000 })) if (sk >= first && sk <= end) yield sk
  }
}

function* months(start: string, end: string): Generator<string> {
  const at = new Date(`${start.slice(0, 7)}-01T00:00:00Z`)
  while (at.toISOString().slice(0, 7) <= end.slice(0, 7)) {
    yield at.toISOString().slice(0, 7)
    at.setUTCMonth(at.getUTCMonth() + 1)
  }
}

async function minuteEvents(tables: Pick<Tables, 'query'>, pk: string): Promise<readonly AuditEvent[]> {
  const events: AuditEvent[] = []
  for await (const items of eachPage((request) => tables.query('Audit', pk, '', request), { limit: 1000 })) {
    events.push(...(items as readonly AuditItem[]).flatMap((item) => item.events))
  }
  return events
}
