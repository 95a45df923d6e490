import fc from 'fast-check'
import { parseJson } from '../../lib/parseJson.ts'
import { parseUniqueJson, RepeatedMember } from '../../lib/parseUniqueJson.ts'
import { parseBackup, subjectOf } from '../../lib/kms/backup/backupDocument.ts'

test.each([
  ['a', '{"a":1,"a":2}'],
  ['a', '{"a":1,"b":{"a":2},"a":3}'],
  ['a', '[{"b":[{"a":{},"a":{}}]}]'],
  ['a', '{"a":1,"\\u0061":2}'],
  ['', '{"":1,"":2}'],
  ['\\', '{"\\\\":1,"\\u005c":2}'],
  ['"', '{"\\"":1,"\\u0022":"}"}'],
  ['__proto__', '{"__proto__":1,"__proto__":2}'],
  ['a', '{ "a" : [1, {"b": 2}] , "a" : 2 }'],
])('a member %j that stands twice in one object is refused: %s', (member, text) => {
  expect(() => parseUniqueJson(text)).toThrow(expect.objectContaining({ member }) as object as Error)
})

test.each(['{"a":{"a":1},"b":[{"a":1},{"a":2}]}', '{"a":"a","b":"a\\\\","c":",{\\"a\\":"}', '["a","a"]', '"a"', '{}'])(
  'a name may stand again in another object, and in a text: %s',
  (text) => {
    expect(parseUniqueJson(text)).toEqual(JSON.parse(text))
  },
)

test('what is no JSON is a SyntaxError', () => {
  for (const text of ['', '{', '{"a":1,"a":', '{"a" 1}']) expect(() => parseUniqueJson(text)).toThrow(SyntaxError)
})

/** JSON in which every object may have a member once more. */
const written = fc.letrec<{ readonly value: string; readonly object: string; readonly leaf: string }>((tie) => {
  const name = fc.oneof(fc.constantFrom('a', 'b', '\\', '"', '{'), fc.string())
  const space = fc.constantFrom('', ' ', '\n')
  return {
    leaf: fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)).map((leaf) => JSON.stringify(leaf)),
    object: fc
      .array(fc.tuple(name, tie('value'), space), { maxLength: 4 })
      .map(
        (members) => `{${members.map(([key, value, gap]) => `${gap}${JSON.stringify(key)}${gap}:${value}`).join(',')}}`,
      ),
    value: fc.oneof(
      { maxDepth: 4 },
      tie('leaf'),
      tie('object'),
      fc.array(tie('value'), { maxLength: 3 }).map((values) => `[${values.join(', ')}]`),
    ),
  }
}).value

/** Where a member stood twice fewer are left than there are names. */
function hasRepeated(text: string): boolean {
  const left = (value: unknown): number => {
    if (typeof value !== 'object' || value === null) return 0
    const inner = Object.values(value)
    return (Array.isArray(value) ? 0 : inner.length) + inner.reduce((sum: number, each) => sum + left(each), 0)
  }
  // Outside of texts a colon stands behind each name, and nowhere else.
  return text.replace(/"(?:[^"\\]|\\.)*"/g, '').split(':').length - 1 !== left(parseJson(text))
}

test('it refuses exactly the texts in which a member stands twice', () => {
  fc.assert(
    fc.property(written, (text) => {
      const parsed = () => parseUniqueJson(text)
      if (hasRepeated(text)) expect(parsed).toThrow(RepeatedMember)
      else expect(parsed()).toEqual(parseJson(text))
    }),
    { numRuns: 5_000 },
  )
})

test('a backup file that names a member twice is no backup', () => {
  const text = '{"format":"vaultspan/key-backup/1","mac":"a","saved":{"key":{"id":"x"},"key":{"id":"y"}}}'
  expect(() => parseBackup('vaultspan/key-backup/1', text)).toThrow('The file is not a backup of a key')
  expect(subjectOf(text)).toBeUndefined()
})
