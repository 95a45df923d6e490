import { isDay } from '../../calendar.ts'
import type { Clock, Tables } from '../../ports.ts'
import { dayOf, ended, meterPk, type MeterRow } from './metering.ts'

export interface UsageDay {
  readonly day: string
  readonly region: string
  readonly isPrimary: boolean
  readonly vaultId: string
  readonly keyId: string
  readonly keyVersionId: string
}

export interface UsageQuery {
  /** YYYY-MM-DD, both inclusive. */
  readonly from: string
  readonly to: string
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
}

export interface UsagePage {
  readonly days: readonly UsageDay[]
  readonly next?: string
}

interface Ports {
  readonly tables: Pick<Tables, 'query'>
  readonly region: string
  readonly clock: Clock
}

/**
 * One entry per key version and day, up to today, on which it existed in this region, by version: at most `limit`. A page
 * reads two rows of the meter for each, so it may be short, or empty, though more follow: where what it read lies outside
 * the days.
 */
export async function versionUsage(
  { tables, region, clock }: Ports,
  tenancyId: string,
  { from, to, limit, after }: UsageQuery,
): Promise<UsagePage> {
  const start = after === undefined ? undefined : placeIn(after)
  const { items, next } = await tables.query('Audit', meterPk(tenancyId), '', {
    limit: Math.min(1000, 2 * limit + 2),
    ...(start === undefined ? {} : { after: start.after }),
  })
  const rows = items as readonly MeterRow[]
  // A begin whose end may be on the next page is read again with it.
  const isCut = next !== undefined && rows.at(-1)?.sk.endsWith(ended) === false
  const whole = isCut ? rows.slice(0, -1) : rows
  const ends = new Map(whole.filter(({ sk }) => sk.endsWith(ended)).map((row) => [intervalOf(row), row.day]))
  const today = dayOf(clock())
  const days: UsageDay[] = []
  for (const row of whole) {
    if (row.sk.endsWith(ended)) continue
    const interval = intervalOf(row)
    const first = [row.day, from, interval === start?.interval ? (start.day ?? '') : ''].sort().at(-1) ?? from
    const last = [ends.get(interval) ?? today, to, today].sort()[0] ?? today
    for (const day of eachDay(first, last)) {
      if (days.length === limit) return { days, next: `${interval}/${day}` }
      const { isPrimary, vaultId, keyId, keyVersionId } = row
      days.push({ day, region, isPrimary, vaultId, keyId, keyVersionId })
    }
  }
  const read = whole.at(-1)?.sk
  return { days, ...(next === undefined || read === undefined ? {} : { next: read }) }
}

interface Place {
  /** The sort key to begin behind. */
  readonly after: string
  /** What the page before showed in part, up to but not with this day. */
  readonly interval?: string
  readonly day?: string
}

/** `text` comes from a page token: the end of what was read, or a place within an interval. */
function placeIn(text: string): Place {
  const { interval, day } = /^(?<interval>.*)\/(?<day>\d{4}-\d{2}-\d{2})$/su.exec(text)?.groups ?? {}
  return interval === undefined || day === undefined || !isDay(day)
    ? { after: text }
    : { after: `${interval}#`, interval, day }
}

function intervalOf({ sk }: MeterRow): string {
  return sk.slice(0, sk.lastIndexOf('#'))
}

function* eachDay(from: string, to: string): Generator<string> {
  for (let at = Date.parse(from); at <= Date.parse(to); at += 86_400_000) yield dayOf(at)
}
