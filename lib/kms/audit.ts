import type { JsonObject } from '../canonicalJson.ts'
import { digestOf, type ChainPlace } from './auditChain/chainPlace.ts'
import { eventText } from './ociEvent.ts'
import type { RandomBytes } from '../ocid.ts'
import type { Item, Write } from '../ports.ts'

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
  /** The event as writes of a transaction; where its minute is not known to listings, with a mark of its own. */
  writesOf(event: AuditEvent): MarkedAuditWrites
  /** Resolves when the event is in the table. @throws where it is not. */
  written(event: AuditEvent): Promise<void>
  /** Told for how many days a tenancy wants its events kept; undefined: as the host keeps them. */
  keepFor?(daysOf: (tenancyId: string) => number | undefined): void
  /** Whether crypto calls are recorded; required: none is answered with success before its event is in the table. */
  readonly crypto: 'on' | 'off' | 'required'
}

export type AuditGroup = readonly [AuditEvent, ...AuditEvent[]]

/** Events that were written together; those of a change are alone, because they commit with it. */
export interface AuditItem extends Item {
  readonly events: AuditGroup
  /** Absent: written before there was a chain. */
  readonly chain?: ChainPlace
}

/** Spreads one compartment's events of a minute over partitions. */
const shards = 4

function partition(compartmentId: string, minute: string, shard: number): string {
  return `${compartmentId}#${minute}#${shard}`
}

/** Where a compartment's events of a minute lie. */
export function partitionsOf(compartmentId: string, minute: string): readonly string[] {
  return Array.from({ length: shards }, (_, shard) => partition(compartmentId, minute, shard))
}

export function minuteOf(time: string): string {
  return time.slice(0, 'YYYY-MM-DDThh:mm'.length)
}

export function monthOf(time: string): string {
  return time.slice(0, 'YYYY-MM'.length)
}

/** Where the marks of a month's minutes lie. */
export function marksOf(compartmentId: string, month: string): string {
  return `marks#${compartmentId}#${month}`
}

export type AuditWrite = Extract<Write, { op: 'put' }> & { readonly item: AuditItem }

export function auditWrite(event: AuditEvent): AuditWrite {
  return auditGroupWrite([event])
}

/** Events of one compartment and minute, as one item. */
export function auditGroupWrite(events: AuditGroup): AuditWrite {
  const [{ eventTime, eventId, data }] = events
  const key = auditKey({ eventTime, eventId, compartmentId: data.compartmentId })
  return { op: 'put', table: 'Audit', item: { ...key, events } }
}

/** An event as the JSON that is stored, made and hashed once, and what says where it belongs. */
export interface AuditText {
  readonly eventTime: string
  readonly eventId: string
  readonly compartmentId: string
  readonly tenancyId: string
  /** As in `ChainPlace`. */
  readonly digest: string
  /** Unix time in seconds; undefined: never. */
  readonly expiresAt: number | undefined
  readonly text: string
}

export function auditText(event: AuditEvent, daysOf: (tenancyId: string) => number | undefined): AuditText {
  const { eventTime, eventId, data } = event
  const tenancyId = tenancyOf(event)
  const days = daysOf(tenancyId)
  const expiresAt = days === undefined ? undefined : secondOf(eventTime) + days * 86_400
  const text = eventText(event)
  return {
    eventTime,
    eventId,
    compartmentId: data.compartmentId,
    tenancyId,
    digest: digestOf(text),
    expiresAt,
    text,
  }
}

let lastTime = ''
let lastSecond = NaN

/** Unix time, rounded up. Under load many events have the same millisecond. */
function secondOf(time: string): number {
  if (time !== lastTime) {
    lastSecond = Math.ceil(Date.parse(time) / 1000)
    lastTime = time
  }
  return lastSecond
}

/** '' where the event does not say it. */
export function tenancyOf({ data }: AuditEvent): string {
  const { identity } = data as { readonly identity?: { readonly tenantId?: string } }
  return identity?.tenantId ?? ''
}

/** The earliest and the latest of them. */
export function timesOf(events: readonly Pick<AuditEvent, 'eventTime'>[]): { firstTime: string; lastTime: string } {
  const times = events.map(({ eventTime }) => eventTime).sort()
  return { firstTime: times[0] ?? '', lastTime: times.at(-1) ?? '' }
}

/** The keys of the item that begins with this event. */
export function auditKey({
  eventTime,
  eventId,
  compartmentId,
}: Pick<AuditText, 'eventTime' | 'eventId' | 'compartmentId'>): Pick<AuditItem, 'pk' | 'sk'> {
  const shard = (eventId.codePointAt(0) ?? 0) % shards
  return { pk: partition(compartmentId, minuteOf(eventTime), shard), sk: placeOf({ eventTime, eventId }) }
}

/** Says that a compartment has events in a minute, so that a year's listing does not try half a million partitions. */
export function minuteMark({
  eventTime,
  data: { compartmentId },
}: Pick<AuditEvent, 'eventTime'> & { data: { compartmentId: string } }): Extract<Write, { op: 'put' }> {
  const item: Item = { pk: marksOf(compartmentId, monthOf(eventTime)), sk: minuteOf(eventTime) }
  return { op: 'put', table: 'Audit', item }
}

/** An event, and what marks its minute. */
export type MarkedAuditWrites = readonly [AuditWrite, ...Write[]]

/**
 * An event with a mark of its minute, for a transaction whose minute nobody has marked: they commit together or not at all.
 * The mark is the event's own, so that transactions of the same minute are not in each other's way.
 */
export function markedAuditWrites(event: AuditEvent): MarkedAuditWrites {
  const { item } = minuteMark(event)
  return [auditWrite(event), { op: 'put', table: 'Audit', item: { ...item, sk: `${item.sk}#${event.eventId}` } }]
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
export function placeOf({ eventTime, eventId }: Pick<AuditEvent, 'eventTime' | 'eventId'>): string {
  return `${eventTime}#${eventId}`
}
