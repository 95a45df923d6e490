import fc from 'fast-check'
import { parseJson } from '../../lib/parseJson.ts'
import { canonicalJson } from '../../lib/canonicalJson.ts'
import { readFileSync } from 'node:fs'

/** What the engine has read before decides how it reads what comes: each case has names of its own. */
function afterMany(before: object, text: string): unknown {
  const seen = JSON.stringify(before)
  for (let count = 0; count < 50; count += 1) parseJson(seen)
  return parseJson(text)
}

test.each([
  [
    { one: 1, '\\': 1 },
    { one: 1, '"': 2 },
  ],
  [
    { two: 1, 'a\\': 1 },
    { two: 1, 'a"': 2 },
  ],
  [
    { three: 1, 'a\\': 1 },
    { three: 1, 'a"': 2, 'a\\': 3, '\\"': 4 },
  ],
  [
    { four: 1, 'a\\"': 1 },
    { four: 1, 'a""': 'ends with "' },
  ],
  [
    { five: 1, '\\\\': 1 },
    { five: 1, '\\"': [{ '\\""': '""' }] },
  ],
])('after many objects like %j an object keeps the names it has: %j', (before, value) => {
  expect(canonicalJson(afterMany(before, JSON.stringify(value)) as never)).toBe(canonicalJson(value))
})

test('it is JSON.parse, whatever is written and however', () => {
  const marks = fc.constantFrom('a', 'é', '\\', '"', '\n', '__proto__', '1', '\u2028')
  const texts = fc.array(marks, { maxLength: 3 }).map((parts) => parts.join(''))
  const values = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.oneof(texts, fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.array(fc.tuple(texts, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
    ),
  })).value
  fc.assert(
    fc.property(values, fc.constantFrom(undefined, 1), fc.boolean(), (value, gap, isAscii) => {
      const text = JSON.stringify(value, undefined, gap)
      const written = isAscii
        ? text.replace(/[\u0080-\uffff]/g, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`)
        : text
      expect(JSON.stringify(parseJson(written))).toBe(JSON.stringify(value))
    }),
    { numRuns: 5_000 },
  )
})

test('all else is as JSON.parse has it', () => {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  expect(parseJson(text)).toEqual(JSON.parse(text))
  expect(parseJson('"\\"\\\\\\""')).toBe('"\\"')
  expect(() => parseJson('{"a\\""')).toThrow(SyntaxError)
})
