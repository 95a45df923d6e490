import { parseHttpDate } from '../../lib/iam/signature/httpDate.ts'

const text = 'Tue, 03 Apr 2018 21:10:29 GMT'

test.each([
  text,
  'Mon, 01 Jan 2024 00:00:00 GMT',
  'Thu, 29 Feb 2024 23:59:59 GMT',
  'Sun, 30 Nov 2025 12:34:56 GMT',
  'Wed, 31 Dec 2025 09:08:07 GMT',
])('%s is the moment that it names', (date) => {
  expect(parseHttpDate(date)).toBe(Date.parse(date))
})

/** The same date with one character put in the place of another. */
const at = (position: number, character: string) =>
  text.slice(0, position) + character + text.slice(position + character.length)

test.each([
  '',
  `${text} `,
  text.slice(0, -1),
  ` ${text}`,
  at(0, 'Xyz'),
  at(3, ';'),
  at(4, '_'),
  at(7, '-'),
  at(8, 'Xyz'),
  // Of the months' names in one text, but none of them.
  at(8, 'an '),
  at(11, '-'),
  at(16, 'T'),
  at(19, '.'),
  at(22, '.'),
  at(25, '_'),
  at(26, 'UTC'),
  ...[5, 6, 12, 13, 14, 15, 17, 18, 20, 21, 23, 24].flatMap((position) => [at(position, '/'), at(position, ':')]),
  at(5, '00'),
  at(5, '31'),
  at(17, '24'),
  at(20, '60'),
  at(23, '60'),
  'Fri, 29 Feb 2019 21:10:29 GMT',
])('%j is no date', (date) => {
  expect(parseHttpDate(date)).toBeNaN()
})
