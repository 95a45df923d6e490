import fc from 'fast-check'
import { canonicalJson, canonicalObject, type Json, type JsonObject } from '../../lib/canonicalJson.ts'

/** The rule as one reads it, and as every text of 0.1.0 was made that a MAC or a signature covers. */
function plainly(value: Json): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(plainly).join(',')}]`
  const members = Object.entries(value as JsonObject).sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${members.flatMap(([name, member]) => (member === undefined ? [] : [`${JSON.stringify(name)}:${plainly(member)}`])).join(',')}}`
}

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }), fc.string(), lonely())
const name = fc.oneof(
  text,
  fc.constantFrom('__proto__', 'constructor', 'toJSON', 'length', '10', '9', 'mac', 'é', 'a,b'),
)
const number = fc.oneof(fc.integer(), fc.double(), fc.constantFrom(0, -0, 1e21, 5e-324, NaN, Infinity))

/** Halves of characters: JSON.stringify writes them as escapes. */
function lonely() {
  return fc
    .array(fc.constantFrom('\ud800', '\udfff', 'x', '"', '\\', '\u0000', '\u001f', '\u2028', '\ud83d\ude00'))
    .map((parts) => parts.join(''))
}

const { value } = fc.letrec<{ value: Json; object: JsonObject }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    text,
    number,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    tie('object'),
  ),
  object: fc.array(fc.tuple(name, fc.option(tie('value'), { nil: undefined })), { maxLength: 8 }).map(objectOf),
}))

/** With members of its own, whatever they are called. */
function objectOf(members: readonly (readonly [string, Json | undefined])[]): JsonObject {
  const object = {}
  for (const [key, member] of members) {
    Object.defineProperty(object, key, { value: member, enumerable: true, configurable: true, writable: true })
  }
  return object
}

test('canonical text is what sorting members and JSON.stringify give', () => {
  fc.assert(
    fc.property(value, (any) => {
      expect(canonicalJson(any)).toBe(plainly(any))
    }),
    { numRuns: 2000 },
  )
})

test('members left out are as if they were not there', () => {
  const members = fc.array(fc.tuple(name, value), { maxLength: 8 })
  fc.assert(
    fc.property(members, fc.array(name, { maxLength: 4 }), (all, names) => {
      const without = new Set(names)
      const rest = all.filter(([key]) => !without.has(key))
      expect(canonicalObject(objectOf(all), without)).toBe(plainly(objectOf(rest)))
    }),
  )
})

test('more names of members than are remembered make no difference', () => {
  for (let n = 0; n < 2500; n += 1) {
    const object = { [`b${n}`]: n, [`a"${n}`]: [String(n)] }
    expect(canonicalJson(object)).toBe(plainly(object))
  }
})
