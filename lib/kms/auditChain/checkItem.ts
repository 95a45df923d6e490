import { canonicalJson, type Json, type JsonObject } from '../../canonicalJson.ts'
import type { AuditEvent, AuditItem } from '../audit.ts'
import { digestOf, type ChainPlace } from './chainPlace.ts'
import { named, type Finding } from './finding.ts'

/** An item whose events are what their digests say, or what is wrong with them. */
export interface CheckedItem {
  readonly events: readonly AuditEvent[]
  readonly findings: readonly Finding[]
}

/** Whether what stands there has the form of a place; whether it is the right one the chain says. */
export function placeIn(item: { readonly chain?: unknown }): ChainPlace | undefined {
  const place = item.chain as Partial<ChainPlace> | null | undefined
  if (typeof place !== 'object' || place === null || 'format' in place) return undefined
  const { writer, seq, previous, digests, open = [] } = place
  const isPlace = typeof writer === 'string' && isNumber(seq)
  const isLinked = typeof previous === 'string' && Array.isArray(digests) && areRanges(open)
  return isPlace && isLinked ? (place as ChainPlace) : undefined
}

function areRanges(open: unknown): boolean {
  return (
    Array.isArray(open) && open.every((range) => Array.isArray(range) && range.length === 2 && range.every(isNumber))
  )
}

function isNumber(seq: unknown): seq is number {
  return Number.isSafeInteger(seq) && Number(seq) > 0
}

/** Each event against its digest: the first that differs is named by what it says now. */
export function checkEvents(region: string, item: AuditItem, { digests }: ChainPlace): CheckedItem {
  const stored: readonly Json[] = Array.isArray(item.events) ? item.events : []
  const actual = stored.map((event) => digestOf(canonicalJson(event)))
  const events = stored.map((event) => (isObject(event) ? event : {}) as AuditEvent)
  const tell = (kind: Finding['kind'], event: Partial<AuditEvent>, says: string) => ({
    ...found(region, kind, event, says),
    // The event's own time may be what was altered.
    at: timeIn(item),
  })
  const findings = events.flatMap((event, index): readonly Finding[] => {
    const [is = '', was = ''] = [actual[index], digests[index]]
    if (is === was) return []
    const elsewhere = digests.indexOf(is)
    if (elsewhere >= 0) {
      const says = `The event ${named(event)} stands in place ${index + 1} of its group; it was written as ${elsewhere + 1}.`
      return [tell('reordered', event, says)]
    }
    const says = `The event ${named(event)} was altered, or another was put in its place.`
    return [{ ...tell('altered', event, says), digests: { actual: is, expected: was } }]
  })
  const missing = digests.length - events.length
  if (missing <= 0) return { events, findings }
  const last = events.at(-1) ?? { eventTime: timeIn(item) }
  const says = `${missing} of ${digests.length} events are missing from the group of ${named(last)}.`
  return { events, findings: [...findings, tell('missing', last, says)] }
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null
}

export function found(
  region: string,
  kind: Finding['kind'],
  { eventId, eventTime }: Partial<AuditEvent>,
  says: string,
): Finding {
  const id = typeof eventId === 'string' ? { eventId } : {}
  return { kind, region, at: typeof eventTime === 'string' ? eventTime : '', ...id, says }
}

/** When an item was written, as its key says. */
export function timeIn({ sk }: Pick<AuditItem, 'sk'> & JsonObject): string {
  return sk.split('#')[0] ?? ''
}
