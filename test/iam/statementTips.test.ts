import { aCloud } from './aCloud.ts'
import { parseStatement } from '../../lib/iam/parseStatement.ts'
import { requireKnownWords } from '../../lib/iam/requireKnownWords.ts'
import { resourceNames } from '../../lib/iam/permissions.ts'
import { knownVariables } from '../../lib/iam/variables.ts'

/** What people write, where the refusal points, and what it says to do. */
const mistakes: readonly (readonly [string, number, RegExp])[] = [
  ['group A to use keys in tenancy', 1, /begins with Allow/],
  ['Allow user ann to use keys in tenancy', 7, /put the user into one/],
  ['Allow group A use keys in tenancy', 15, /The word to stands before the verb/],
  ['Allow group A to encrypt keys in tenancy', 18, /verbs are inspect, read, use and manage/],
  ['Allow group A to KEY_ENCRYPT in tenancy', 18, /stand in braces/],
  ['Allow group A to use keys', 26, /Say where/],
  ["Allow group A to use keys where target.key.id = 'x'", 27, /Say where/],
  ['Allow group Key Users to use keys in tenancy', 17, /blanks stands in quotes: 'Key Users'/],
  ['Allow group A to use keys in compartment My Shop', 45, /blanks stands in quotes: 'My Shop'/],
  ['Allow group A and group B to use keys in tenancy', 15, /one list: group A, B/],
  ['Allow group "A" to use keys in tenancy', 13, /straight and single/],
  ['Allow group A to use keys in tenancy where target.key.id = ‘x’', 60, /straight and single/],
  ["Allow group A to use keys in tenancy where target.key.id == 'x'", 59, /One = compares/],
  ["Allow group A to use keys in tenancy where target.key.id =~ 'x'", 59, /between slashes/],
  ["Allow group A to use keys in tenancy where a.b = 'x' and c.d = 'y'", 54, /joined by all/],
  ["Allow group A to use keys in tenancy where a.b = 'x' && c.d = 'y'", 54, /joined by all/],
  ['Allow group A to use keys in tenancy where target.key.id = ocid1.key.oc1..x', 73, /value stands in quotes/],
]

test.each(mistakes)('%s is refused at column %i with %s', (statement, column, tip) => {
  const message = messageOf(() => parseStatement(statement, 2))
  expect(message).toContain(`Policy statement 2, line 1, column ${column}: expected `)
  expect(message).toMatch(tip)
})

test.each([
  'Allow group A to use keys in tenancy;',
  'Allow group A to use keys in tenancy ;',
  'Allow group A to use keys in tenancy.',
  'Allow group A to use keys in compartment shop;',
  "Allow group A to use keys in tenancy where target.key.id = 'x';",
])('%s is told what is too much, where it is, and nothing else', (statement) => {
  const message = messageOf(() => {
    requireKnownWords(`${statement} `, 1, aCloud)
  })
  expect(message).toBe(
    `Policy statement 1, line 1, column ${statement.length}: A statement ends without punctuation; several statements are several strings of the list.`,
  )
})

test('a statement of several lines is refused by line and column', () => {
  const message = messageOf(() => parseStatement("Allow group A\n  to use keys\n  in tenancy where a.b == 'x'"))
  expect(message).toContain('Policy statement 1, line 3, column 25: ')
})

test('what is no usual mistake says only what was expected', () => {
  const message = messageOf(() => parseStatement('Allow group A to use keys in tenancy !'))
  expect(message).toMatch(/: expected the statement's end or where\.$/)
})

test.each([
  ['use key', 'key is no resource type; did you mean keys?'],
  ['use vault', 'vault is no resource type; did you mean vaults?'],
  ['manage policy', 'policy is no resource type; did you mean policies?'],
  ['use keys-family', 'keys-family is no resource type; did you mean key-family?'],
  ['read audit-event', 'audit-event is no resource type; did you mean audit-events?'],
  ['manage all-resource', 'all-resource is no resource type; did you mean all-resources?'],
  ['{KEY_ENCRIPT}', 'KEY_ENCRIPT is no permission; did you mean KEY_ENCRYPT?'],
  ['{VAULT_REED, KEY_READ}', 'VAULT_REED is no permission; did you mean VAULT_READ?'],
])('%s grants nothing, and is refused where it is written', (action, said) => {
  const statement = `Allow group A to ${action} in tenancy`
  const column = action.startsWith('{') ? 19 : 18 + action.indexOf(' ') + 1
  expect(
    messageOf(() => {
      requireKnownWords(statement, 1, aCloud)
    }),
  ).toBe(`Policy statement 1, line 1, column ${column}: ${said}`)
})

test.each([
  ...resourceNames.map((name) => `manage ${name}`),
  'use buckets',
  'read instances',
  'manage volumes',
  'use vcns',
  'manage tag-namespaces',
  '{OBJECT_READ, KEY_READ}',
  '{USER_UNBLOCK}',
])('%s is taken', (action) => {
  expect(() => {
    requireKnownWords(`Allow group A to ${action} in tenancy`, 1, aCloud)
  }).not.toThrow()
})

const known =
  / Known are request\.groups\.id, .*target\.vault\.id and request\.principal\.NAME with the name of a token's claim\.$/

test.each([
  ["where target.vualt.id = 'x'", 44, 'target.vualt.id is no variable; did you mean target.vault.id?'],
  ["where all {request.region = 'iad', any {nosuch.variable != 'x'}}", 78, 'nosuch.variable is no variable.'],
  ['where request.user.id = target.usr.id', 62, 'target.usr.id is no variable; did you mean target.user.id?'],
  [
    "where request.networkSource.name = 'x'",
    44,
    'request.networkSource.name is a variable of OCI that no call has here',
  ],
  ["where target.resource.tag.Ops.Cost = 'x'", 44, "target.resource.tag.Ops.Cost: conditions on tags are OCI's"],
  [
    "where target.resource.compartment.tag.Ops.Cost in ('x')",
    44,
    'target.resource.compartment.tag.Ops.Cost: conditions',
  ],
  ["where request.principal.group.tag.Ops.Cost = 'x'", 44, 'request.principal.group.tag.Ops.Cost: conditions'],
  ["where any {target.key.id = 'target.x.y', TARGET.x.y = /target.x.y/}", 79, 'TARGET.x.y is no variable.'],
])('a condition that never holds, %s, is refused at its column %i, and told what there is', (where, column, said) => {
  const message = messageOf(() => {
    requireKnownWords(`Allow group 'target.x.y' to use keys in tenancy ${where}`, 3, aCloud)
  })
  expect(message).toContain(`Policy statement 3, line 1, column ${column + 11}: ${said}`)
  expect(message).toMatch(known)
})

/** What each can be, where not everything can. */
const plausible: Readonly<Record<string, string>> = {
  'request.groups.id': 'ocid1.group.oc1..x',
  'request.user.id': 'ocid1.user.oc1..x',
  'request.includePlainTextKey': 'False',
  'request.operation': 'encrypt',
  'request.permission': 'KEY_ENCRYPT',
  'request.region': 'PHX',
  'request.utc-timestamp': '2026-12-01T06:00:00Z',
  'request.utc-timestamp.day-of-month': '31',
  'request.utc-timestamp.day-of-week': 'monday',
  'request.utc-timestamp.month-of-year': '12',
  'request.utc-timestamp.time-of-day': '06:00:00Z',
  'target.compartment.id': 'ocid1.tenancy.oc1..x',
  'target.dynamicgroup.id': 'ocid1.dynamicgroup.oc1..x',
  'target.group.id': 'ocid1.group.oc1..x',
  'target.key.id': 'ocid1.key.oc1.iad.x',
  'target.tag-namespace.id': 'ocid1.tagnamespace.oc1..x',
  'target.trustedIssuer.id': 'ocid1.trustedissuer.oc1..x',
  'target.user.id': 'ocid1.user.oc1..x',
  'target.vault.id': 'ocid1.vault.oc1.iad.x',
}

test.each([
  ...knownVariables.map((name) => `use keys in tenancy where ${name} = '${plausible[name] ?? 'x'}'`),
  "use keys in tenancy where REQUEST.Principal.Repository_owner = 'acme'",
  "use keys in tenancy where request.utc-timestamp before '2026-12-01T06:00:00Z'",
  "use keys in tenancy where request.utc-timestamp.time-of-day between '08:00Z' and '18:00Z'",
  "manage buckets in tenancy where target.bucket.name = 'b'",
  "{OBJECT_READ} in tenancy where target.bucket.name = 'b'",
])('%s is taken', (grant) => {
  expect(() => {
    requireKnownWords(`Allow group A to ${grant}`, 1, aCloud)
  }).not.toThrow()
})

function messageOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return (error as Error).message
  }
  return ''
}
