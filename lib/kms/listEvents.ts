import { marksOf, minuteOf, monthOf, partitionsOf, placeOf, type AuditEvent, type AuditItem } from './audit.ts'
import { eachItem } from './rows/pages.ts'
import { pageBytes, type Clock, type PageRequest, type Tables } from '../ports.ts'

export interface EventQuery {
  readonly compartmentId: string
  /** RFC 3339 with milliseconds, UTC; inclusive and exclusive. */
  readonly startTime: string
  readonly endTime: string
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface EventPage {
  readonly events: readonly AuditEvent[]
  readonly next?: string
}

type Ports = { readonly tables: Pick<Tables, 'query'>; readonly clock: Clock }

const dayMs = 86_400_000
/** How many minutes and groups of events a page may cost that shows fewer. */
const maxLookedAt = 1000

/**
 * Events in ascending order within a page. From page to page they go in the order of the groups in which they were written,
 * so that a page goes on where the one before ended, however much there is in a minute.
 */
export async function listEvents({ tables, clock }: Ports, query: EventQuery): Promise<EventPage> {
  const { startTime, endTime, limit } = query
  // What comes after now has no events yet, however far a caller looks ahead.
  const now = new Date(clock() + dayMs).toISOString()
  const end = endTime < now ? endTime : now
  const from = query.after === undefined ? undefined : placeIn(query.after)
  const found: AuditEvent[] = []
  let bytes = 0
  let lookedAt = 0
  for await (const minute of minutes(tables, query, end)) {
    for await (const { sk, events } of groupsIn(tables, partitionsOf(query.compartmentId, minute), from)) {
      for (const [position, event] of [...events].sort(byPlace).entries()) {
        if (sk === from?.sk && position < from.skip) continue
        if (event.eventTime < startTime || event.eventTime >= endTime) continue
        if (found.length === limit || bytes >= pageBytes) return page(found, `${sk}#${position}`)
        found.push(event)
        bytes += JSON.stringify(event).length
      }
      lookedAt += 1
      if (lookedAt >= maxLookedAt) return page(found, `${sk}${wholly}`)
    }
    lookedAt += 1
    if (lookedAt >= maxLookedAt) return page(found, `${minute}${wholly}`)
  }
  return page(found)
}

function page(events: AuditEvent[], next?: string): EventPage {
  return { events: events.sort(byPlace), ...(next === undefined ? {} : { next }) }
}

function byPlace(a: AuditEvent, b: AuditEvent): number {
  return placeOf(a) < placeOf(b) ? -1 : 1
}

interface Place {
  /** From here on, inclusive; a group's own sort key where the page before ended within it. */
  readonly sk: string
  /** How many of that group's events the page before has shown. */
  readonly skip: number
  readonly after: string
}

/** Behind a group or a minute that was shown as a whole: greater than all that begins with it. */
const wholly = '~'

/** `text` comes from a page token, so it is only compared, never taken for a time. */
function placeIn(text: string): Place {
  const { sk, position } = /^(?<sk>.*)#(?<position>[0-9]{1,6})$/su.exec(text)?.groups ?? {}
  if (sk === undefined || position === undefined) return { sk: text, skip: 0, after: text }
  // A query begins behind its start, which few others share with the group: all but its last character.
  return { sk, skip: Number(position), after: sk.slice(0, -1) }
}

/** The minutes that have events. */
async function* minutes(
  tables: Pick<Tables, 'query'>,
  { compartmentId, startTime, after = '' }: EventQuery,
  end: string,
): AsyncGenerator<string> {
  const first = minuteOf(after > startTime ? after : startTime)
  let last = ''
  for (const month of months(startTime, end)) {
    if (month < monthOf(first)) continue
    const read = (request: PageRequest) => tables.query('Audit', marksOf(compartmentId, month), '', request)
    for await (const { sk } of eachItem(read, { limit: 100, after: first.slice(0, -1) })) {
      const minute = minuteOf(sk)
      if (minute > end) return
      if (minute >= first && minute !== last) yield minute
      last = minute
    }
  }
}

function* months(start: string, end: string): Generator<string> {
  const at = new Date(`${monthOf(start)}-01T00:00:00Z`)
  while (monthOf(at.toISOString()) <= monthOf(end)) {
    yield monthOf(at.toISOString())
    at.setUTCMonth(at.getUTCMonth() + 1)
  }
}

/** The groups of several partitions in the order of their sort keys, read as they are asked for. */
async function* groupsIn(
  tables: Pick<Tables, 'query'>,
  partitions: readonly string[],
  from: Place | undefined,
): AsyncGenerator<AuditItem> {
  const start = { limit: 25, ...(from === undefined ? {} : { after: from.after }) }
  const readers = partitions.map((pk) => eachItem((request) => tables.query('Audit', pk, '', request), start))
  const heads = await Promise.all(readers.map((reader) => reader.next()))
  for (;;) {
    let least: number | undefined
    for (const [shard, head] of heads.entries()) {
      const other = least === undefined ? undefined : heads[least]
      if (head.done !== true && (other?.done !== false || head.value.sk < other.value.sk)) least = shard
    }
    const head = least === undefined ? undefined : heads[least]
    const reader = least === undefined ? undefined : readers[least]
    if (least === undefined || reader === undefined || head === undefined || head.done === true) return
    if (from === undefined || head.value.sk >= from.sk) yield head.value as AuditItem
    heads[least] = await reader.next()
  }
}
