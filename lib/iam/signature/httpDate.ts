import { isDate, isTimeOfDay } from '../../calendar.ts'

const length = 'Tue, 03 Apr 2018 21:10:29 GMT'.length
const months = 'Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec'
const weekdays = 'Mon Tue Wed Thu Fri Sat Sun'
const zero = 48

let lastText = ''
let lastTime = NaN

/** Milliseconds since 1970 of an RFC 7231 date (`Tue, 03 Apr 2018 21:10:29 GMT`); NaN for any other text. */
export function parseHttpDate(text: string): number {
  // Many requests are dated the same second.
  if (text !== lastText) {
    lastTime = readHttpDate(text)
    lastText = text
  }
  return lastTime
}

function readHttpDate(text: string): number {
  const month = months.indexOf(text.slice(8, 11))
  const isForm =
    text.length === length &&
    weekdays.includes(text.slice(0, 3)) &&
    text.startsWith(', ', 3) &&
    text.charAt(7) === ' ' &&
    text.charAt(11) === ' ' &&
    text.charAt(16) === ' ' &&
    text.charAt(19) === ':' &&
    text.charAt(22) === ':' &&
    text.endsWith(' GMT')
  if (!isForm || month < 0 || month % 4 !== 0) return NaN
  const year = twoDigits(text, 12) * 100 + twoDigits(text, 14)
  const day = twoDigits(text, 5)
  const [hour, minute, second] = [twoDigits(text, 17), twoDigits(text, 20), twoDigits(text, 23)]
  if (!isDate(year, month / 4 + 1, day) || !isTimeOfDay(hour, minute, second)) return NaN
  return Date.UTC(year, month / 4, day, hour, minute, second)
}

/** NaN, which poisons the whole date, where either character is no digit. */
function twoDigits(text: string, position: number): number {
  return digit(text, position) * 10 + digit(text, position + 1)
}

function digit(text: string, position: number): number {
  const value = text.charCodeAt(position) - zero
  return value >= 0 && value <= 9 ? value : NaN
}
