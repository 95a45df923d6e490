import { aCloud } from './aCloud.ts'
import { operations } from '../../lib/http/operations.ts'
import { requireKnownWords } from '../../lib/iam/requireKnownWords.ts'

/** Column, and what is said behind the test itself. */
const impossible: readonly (readonly [string, string, string])[] = [
  [
    'use keys',
    "request.region = 'mars'",
    "there is no such region in this cloud. Known are 'phx', 'us-phoenix-1', 'local-one-1'.",
  ],
  ['use keys', "request.region != 'iad'", 'there is no such region in this cloud.'],
  ['use keys', 'request.region = /eu-*/', 'there is no such region in this cloud.'],
  ['manage all-resources', "REQUEST.REGION = 'fra'", 'there is no such region in this cloud.'],
  ['use keys', "request.operation = 'Encyrpt'", "there is no such operation; did you mean 'Encrypt'?"],
  [
    'manage all-resources',
    "request.operation != 'DeleteUsers'",
    "there is no such operation; did you mean 'DeleteUser'?",
  ],
  [
    '{KEY_ENCRYPT}',
    "request.operation = 'LaunchInstance'",
    "there is no such operation. Known are 'Encrypt', 'GenerateDataEncryptionKey'.",
  ],
  ['use keys', "request.permission != 'KEY_DELETED'", "there is no such permission; did you mean 'KEY_DELETE'?"],
  [
    '{KEY_SIGN, KEY_READ}',
    "request.permission = 'OBJECT_READ'",
    "there is no such permission. Known are 'KEY_SIGN', 'KEY_READ'.",
  ],
  ['manage all-resources', "request.permission = 'KEY_GRIND'", 'there is no such permission. Known are '],
  ['use keys', 'request.permission = /*_WRITE/', 'there is no such permission. Known are '],
  ['use keys', "request.principal.type = 'instance'", "there is no such type of principal here. Known are 'workload'."],
  ['use keys', "request.includePlainTextKey = 'yes'", "there is no such value. Known are 'true', 'false'."],
  ['use keys', "request.utc-timestamp.month-of-year = '13'", "there is no such month. Known are '1', '2', "],
  ['use keys', "request.utc-timestamp.month-of-year = '07'", 'there is no such month.'],
  ['use keys', "request.utc-timestamp.day-of-month = '32'", 'there is no such day.'],
  ['use keys', "request.utc-timestamp.day-of-week = 'Mon'", 'there is no such day.'],
  ['use keys', "request.utc-timestamp.day-of-week = 'Mondey'", "there is no such day; did you mean 'Monday'?"],
  ['use keys', "request.utc-timestamp = '2026-12-01'", 'compare with before, after or between.'],
  ['use keys', "request.utc-timestamp.time-of-day = '06:00Z'", 'compare with before, after or between.'],
  ['use keys', "target.key.id != 'orders'", "its values are OCIDs like 'ocid1.key.…'."],
  ['use keys', "target.key.id = 'ocid1.vault.oc1..x'", "its values are OCIDs like 'ocid1.key.…'."],
  ['use keys', 'target.vault.id = /ocid1.key.*/', "its values are OCIDs like 'ocid1.vault.…'."],
  [
    'use keys',
    "target.compartment.id = 'shop'",
    "its values are OCIDs like 'ocid1.compartment.…' or 'ocid1.tenancy.…'.",
  ],
  ['use keys', "request.groups.id = 'Administrators'", "its values are OCIDs like 'ocid1.group.…'."],
  ['manage users', "target.user.id != 'ann'", "its values are OCIDs like 'ocid1.user.…'."],
]

test.each(impossible)('%s where %s is refused: %s', (action, condition, said) => {
  const statement = `Allow group A to ${action} in tenancy where any {request.user.name = 'x', ${condition}}`
  const [variable = '', , value = ''] = condition.split(/ (=|!=) /)
  const column = statement.indexOf(value, statement.indexOf(variable)) + 1
  const refusal = refusalOf(statement)
  expect(refusal).toContain(`Policy statement 2, line 1, column ${column}: ${variable} is never ${value}: `)
  expect(refusal).toContain(said)
})

test('one of a list is refused where it stands', () => {
  const statement = "Allow any-user to use keys in tenancy where request.region in ('phx', 'mars')"
  expect(refusalOf(statement)).toContain(`column ${statement.indexOf("'mars'") + 1}: request.region is never 'mars'`)
})

test.each([
  ...Object.keys(operations).map((name) => `manage all-resources in tenancy where request.operation = '${name}'`),
  "use keys in tenancy where request.region in ('PHX', 'us-Phoenix-1', 'Local-One-1', '*')",
  'use keys in tenancy where request.region = /us-*/',
  'use keys in tenancy where request.permission = /KEY_*/',
  "manage all-resources in tenancy where request.operation != 'LaunchInstance'",
  "{OBJECT_READ, KEY_READ} in tenancy where request.permission = 'OBJECT_READ'",
  "manage users in tenancy where request.operation = 'ListSmtpCredentials'",
  "manage users in tenancy where request.permission = 'USER_UNBLOCK'",
  "use buckets in tenancy where request.region = 'mars'",
  'use keys in tenancy where target.key.id = /ocid1.key.oc1.phx.*/',
  'use keys in tenancy where target.key.id = /*orders/',
  "use keys in tenancy where target.key.id != 'ocid1.k*'",
  'use keys in tenancy where request.user.id = target.user.id',
])('%s is taken', (grant) => {
  expect(refusalOf(`Allow group A to ${grant}`)).toBe('')
})

function refusalOf(statement: string): string {
  try {
    requireKnownWords(statement, 2, aCloud)
  } catch (error) {
    return (error as Error).message
  }
  return ''
}
