import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import peggy from 'peggy'
import { parseStatement } from '../../lib/iam/parseStatement.ts'
import type { Statement } from '../../lib/iam/policyParser.js'
import { isKmsError } from '../../lib/errors.ts'
import { printStatement, statements } from './statementPrinter.ts'

const room = new URL('../../lib/iam/', import.meta.url)

test('the committed parser is what the grammar generates', () => {
  const grammar = readFileSync(new URL('policyGrammar.peggy', room), 'utf8')
  const generated = peggy.generate(grammar, { format: 'es', output: 'source' })
  expect(readFileSync(new URL('policyParser.js', room), 'utf8').trimEnd()).toBe(generated.trimEnd())
})

test('what is printed parses to the same tree, whatever its letters and blanks', () => {
  fc.assert(
    fc.property(statements, fc.boolean(), fc.constantFrom(' ', '  ', '\n\t'), (statement, isUpper, blank) => {
      expect(parseStatement(printStatement(statement, { isUpper, blank }))).toEqual(statement)
    }),
    { numRuns: 1500 },
  )
})

test('whatever the text, parsing throws nothing but invalidParameter', () => {
  const words = fc.constantFrom(
    ...`allow deny endorse admit define group any-user to use keys in tenancy compartment where all any { } ' / = != ( ) , : x id ocid1.a between and`.split(
      ' ',
    ),
  )
  const nearly = fc.array(words, { maxLength: 25 }).map((all) => `allow ${all.join(' ')}`)
  fc.assert(
    fc.property(fc.oneof(nearly, fc.string({ unit: 'binary' })), (text) => {
      try {
        parseStatement(text)
      } catch (error) {
        expect(isKmsError(error, 'invalidParameter')).toBe(true)
      }
    }),
    { numRuns: 2000 },
  )
})

test.each<[string, Statement]>([
  [
    "Allow group 'OracleIdentityCloudService'/'Ops', id ocid1.group.oc1..g to inspect vaults in compartment A:b:C",
    {
      kind: 'allow',
      subject: {
        kind: 'group',
        items: [
          { kind: 'name', domain: 'OracleIdentityCloudService', name: 'Ops' },
          { kind: 'id', ocid: 'ocid1.group.oc1..g' },
        ],
      },
      action: { kind: 'verb', verb: 'inspect', resource: 'vaults' },
      location: { kind: 'path', names: ['A', 'b', 'C'] },
    },
  ],
  [
    'define tenancy Acme as ocid1.tenancy.oc1..acme',
    { kind: 'define', defines: 'tenancy', name: 'Acme', ocid: 'ocid1.tenancy.oc1..acme' },
  ],
  [
    'Admit group Ops of tenancy Acme to use keys',
    {
      kind: 'admit',
      isDenial: false,
      subject: { kind: 'group', items: [{ kind: 'name', name: 'Ops' }] },
      tenancy: 'Acme',
      action: { kind: 'verb', verb: 'use', resource: 'keys' },
    },
  ],
  [
    'deny endorse any-group to {KEY_READ} in any-tenancy',
    {
      kind: 'endorse',
      isDenial: true,
      subject: { kind: 'any-group' },
      action: { kind: 'permissions', permissions: ['KEY_READ'] },
      tenancy: { kind: 'any-tenancy' },
    },
  ],
])('%s', (text, expected) => {
  expect(parseStatement(text)).toEqual(expected)
})

test.each([
  'allow group id to use keys in tenancy',
  'allow group to to use keys in tenancy',
  'allow group where to use keys in compartment where where x = y',
  'allow group A to {KEY_READ}in tenancy',
  'allow group A , B,C to use keys in compartment id ocid1.compartment.oc1..a',
  "allow group A to use keys in tenancy where x='a'",
  "allow group A to use keys in tenancy where any{x='a',all { y != /b*/ , z in ('c' , 'd') } }",
  "allow group A to use keys in tenancy where request.utc-timestamp between '2026-01-01Z' and '2026-02-01Z'",
  "allow group A to use keys in tenancy where any = 'x'",
  '  allow\tany-user\r\nto manage all-resources in tenancy  ',
])('%j is a statement', (text) => {
  expect(() => parseStatement(text)).not.toThrow()
})

test.each<[string, number, string]>([
  ['', 1, '"'],
  ['grant group A to use keys in tenancy', 1, 'allow'],
  ['allow everybody to use keys in tenancy', 7, 'any-user or dynamic-group or group or service'],
  ['allow group A service b to use keys in tenancy', 15, 'to'],
  ['allow group A to work keys in tenancy', 18, 'inspect, read, use or manage'],
  ['allow group A to use keys tenancy', 27, 'in'],
  ['allow group A to use keys in tenant', 30, 'compartment or tenancy'],
  ['allow group A to use keys in tenancy if x', 38, 'where'],
  ["allow group A to use keys in tenancy where x =~ 'a'", 47, "'text'"],
  ["allow group A to use keys in tenancy where x = 'a", 48, "'text'"],
  ['allow group A to use keys in tenancy where x = "a"', 48, "'text'"],
  ['allow group A to use keys in tenancy where all {}', 49, 'variable'],
  ['allow group A to use keys in tenancy where x in ()', 50, "'text'"],
  ["allow group A to use keys in tenancy where x = 'a' y", 52, 'end'],
])('%j is refused at its column %d: expected %s', (text, position, expectation) => {
  const message = refusalOf(text)
  expect(message).toContain(`Policy statement 3, line 1, column ${position}: expected `)
  expect(message).toContain(expectation.replace('"', ''))
  expect(message.length).toBeLessThan(200)
})

test('conditions nest 8 levels and no more', () => {
  const nested = (depth: number): string =>
    `allow any-user to use keys in tenancy where ${'all {'.repeat(depth)}x = 'a'${'}'.repeat(depth)}`
  expect(() => parseStatement(nested(8))).not.toThrow()
  expect(refusalOf(nested(9))).toContain('at most 8 levels of conditions')
  expect(refusalOf(nested(1000))).toContain('at most 8 levels of conditions')
  const wide = Array.from({ length: 20 }, () => "all {x = 'a'}").join(', ')
  expect(() => parseStatement(`allow any-user to use keys in tenancy where any {${wide}}`)).not.toThrow()
})

test('a statement has at most 8192 characters', () => {
  expect(refusalOf(`allow group ${'a'.repeat(8192)} to use keys in tenancy`)).toContain('longer than 8192')
})

function refusalOf(text: string): string {
  try {
    parseStatement(text, 3)
  } catch (error) {
    if (isKmsError(error, 'invalidParameter')) return error.message
    throw error
  }
  throw new Error('nothing was refused')
}
