import { readSignedHeaders } from '../../lib/iam/signature/signedHeaders.ts'

const least = '(request-target) host date'
/** As many names as that, each another. */
const names = (count: number) => [least, ...Array.from({ length: count - 3 }, (_, index) => `x-${index}`)].join(' ')

test('at most 32 names are read', () => {
  expect(readSignedHeaders(names(32))?.names).toHaveLength(32)
  expect(readSignedHeaders(names(33))).toBeUndefined()
  expect(readSignedHeaders(names(40))).toBeUndefined()
})

test('a list that came before is not read again, and 64 of them are cached', () => {
  const first = readSignedHeaders(`${least} x-first`)
  expect(readSignedHeaders(`${least} x-first`)).toBe(first)
  for (let index = 0; index < 64; index += 1) readSignedHeaders(`${least} x-other-${index}`)
  const again = readSignedHeaders(`${least} x-first`)
  expect(again).toEqual(first)
  expect(again).not.toBe(first)
})

test.each([
  [least, {}],
  ['(REQUEST-TARGET) Host X-Date Date', { dates: ['x-date', 'date'] }],
  [`${least} content-length`, { hasLength: true }],
  [`${least} x-content-sha256`, { hasHash: true }],
  [`${least} content-length x-content-sha256`, { hasLength: true, hasHash: true }],
  [`${least} content-type content-length`, { hasLength: true }],
  [`${least} content-type content-length x-content-sha256`, { hasLength: true, hasHash: true, coversBody: true }],
])('%s', (list, expected) => {
  const about = { dates: ['date'], hasLength: false, hasHash: false, coversBody: false, ...expected }
  expect(readSignedHeaders(list)).toEqual({ names: list.toLowerCase().split(' '), ...about })
})

test.each(['', 'host date', '(request-target) date', '(request-target) host', `${least} host`])(
  'what lacks a name or has one twice is none: %s',
  (list) => {
    expect(readSignedHeaders(list)).toBeUndefined()
  },
)
