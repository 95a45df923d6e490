import { parseInstant as calendarInstant } from '../calendar.ts'
import { KmsError } from '../errors.ts'
import { foldCase } from './foldCase.ts'
import type { Test } from './policyParser.js'

type OrderTest = Extract<Test, { kind: 'before' | 'after' | 'between' }>

/** A scale on which times are compared: how to read a request's moment and a statement's text. */
interface TimeScale {
  of(now: number): number
  /** NaN where the text is no such time. */
  parse(text: string): number
  /** Whether a span may pass over the scale's end, as 22:00 to 06:00 does. */
  readonly isCyclic: boolean
}

const dayMs = 86_400_000
const instantForm = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d(?::\d\d(?:\.\d{1,3})?)?))?Z?$/i
const timeOfDayForm = /^\d\d:\d\d(?::\d\d)?Z?$/i

const scales: ReadonlyMap<string, TimeScale> = new Map<string, TimeScale>([
  ['request.utc-timestamp', { of: (now) => now, parse: parseInstant, isCyclic: false }],
  ['request.utc-timestamp.time-of-day', { of: (now) => now % dayMs, parse: parseTimeOfDay, isCyclic: true }],
])

/**
 * `before` and `after` exclude their moment, `between` includes both. `now` in milliseconds since 1970.
 * @throws KmsError invalidParameter where the variable is no time or a text is not ISO 8601 in UTC.
 */
export function compileTimeTest(test: OrderTest): (now: number) => boolean {
  const scale = scales.get(foldCase(test.variable))
  if (scale === undefined) {
    throw new KmsError('invalidParameter', `${test.kind} compares times only; ${test.variable} is none.`)
  }
  if (test.kind === 'between') return between(scale, readTime(scale, test.low), readTime(scale, test.high))
  const limit = readTime(scale, test.text)
  return test.kind === 'before' ? (now) => scale.of(now) < limit : (now) => scale.of(now) > limit
}

function between(scale: TimeScale, low: number, high: number): (now: number) => boolean {
  if (scale.isCyclic && low > high) return (now) => scale.of(now) >= low || scale.of(now) <= high
  return (now) => scale.of(now) >= low && scale.of(now) <= high
}

function readTime(scale: TimeScale, text: string): number {
  const time = scale.parse(text)
  if (Number.isNaN(time)) throw new KmsError('invalidParameter', `'${text}' is not an ISO 8601 time in UTC.`)
  return time
}

function parseInstant(text: string): number {
  const [, date, time = '00:00'] = instantForm.exec(text) ?? []
  return date === undefined ? NaN : parseUtc(date, time)
}

function parseTimeOfDay(text: string): number {
  return timeOfDayForm.test(text) ? parseUtc('1970-01-01', text.replace(/Z$/i, '')) : NaN
}

function parseUtc(date: string, time: string): number {
  return calendarInstant(`${date}T${time}${time.length === 'HH:MM'.length ? ':00' : ''}Z`)
}
