/**
 * Times as they come over the wire. JavaScript's own parser makes 2 March out of 30 February and takes 24:00, so every
 * date that comes in goes through here: what does not exist is no time.
 */

const instantForm = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.\d{1,9})?(?:Z|[+-](\d{2}):(\d{2}))$/i
const dayForm = /^(\d{4})-(\d{2})-(\d{2})$/
/** Longer texts are no time; an expression never sees them. */
const maxLength = 64

/** Milliseconds since 1970 of an RFC 3339 time; NaN for any other text, and for a time that does not exist. */
export function parseInstant(text: string): number {
  const parts = text.length > maxLength ? null : instantForm.exec(text)
  if (parts === null) return NaN
  const [, year, month, day, hour, minute, second, zoneHour = '0', zoneMinute = '0'] = parts
  const isTime =
    isDate(Number(year), Number(month), Number(day)) &&
    isTimeOfDay(Number(hour), Number(minute), Number(second)) &&
    isTimeOfDay(Number(zoneHour), Number(zoneMinute), 0)
  return isTime ? Date.parse(text) : NaN
}

/** Whether a text is a day, YYYY-MM-DD, that the calendar has. */
export function isDay(text: string): boolean {
  const [, year, month, day] = (text.length > maxLength ? null : dayForm.exec(text)) ?? []
  return day !== undefined && isDate(Number(year), Number(month), Number(day))
}

/** Months count from 1. */
export function isDate(year: number, month: number, day: number): boolean {
  const date = new Date(Date.UTC(2000, month - 1, day))
  // Years below 100 mean 19xx to Date.UTC.
  date.setUTCFullYear(year, month - 1, day)
  return month >= 1 && month <= 12 && date.getUTCMonth() === month - 1 && date.getUTCDate() === day
}

export function isTimeOfDay(hour: number, minute: number, second: number): boolean {
  return hour <= 23 && minute <= 59 && second <= 59
}
