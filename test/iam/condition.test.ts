import { compilePolicy } from '../../lib/iam/policy.ts'
import { aResource, aUser, anAccess, allows, holds, noon, tenancy } from './policyFixtures.ts'

const refused = expect.objectContaining({ code: 'invalidParameter' }) as Error

test.each<[string, boolean]>([
  ["target.key.id = 'ocid1.key.oc1..x'", true],
  ["target.key.id = 'OCID1.KEY.OC1..X'", true],
  ["TARGET.Key.ID = 'ocid1.key.oc1..x'", true],
  ["target.key.id = 'ocid1.key.oc1..y'", false],
  ["target.key.id != 'ocid1.key.oc1..y'", true],
  ["target.key.id != 'ocid1.key.oc1..x'", false],
  ["target.key.id in ('a', 'ocid1.key.oc1..x')", true],
  ["target.key.id in ('a', 'b')", false],
  ['target.key.id = target.vault.id', false],
  ['target.key.id = target.key.id', true],
  ['target.key.id != target.vault.id', true],
  ["request.permission = 'KEY_ENCRYPT'", true],
  ["request.operation = 'encrypt'", true],
  ["request.user.id = 'ocid1.user.oc1..ann'", true],
  ["request.user.name = 'Ann'", true],
  ["request.groups.id = 'ocid1.group.oc1..g'", true],
  ["request.groups.id != 'ocid1.group.oc1..g'", false],
  ["request.groups.id != 'ocid1.group.oc1..h'", true],
  ["target.compartment.name = 'abc'", true],
  ["target.compartment.id = 'ocid1.compartment.oc1..abc'", true],
])('%s is %s', (condition, expected) => {
  expect(holds(condition)).toBe(expected)
})

test.each(['=', '!='])('a variable that does not exist makes %s false, on either side', (operator) => {
  expect(holds(`target.nothing ${operator} 'x'`)).toBe(false)
  expect(holds(`target.key.id ${operator} target.nothing`)).toBe(false)
  expect(holds(`request.groups.id ${operator} target.nothing`, {}, aUser())).toBe(false)
  expect(holds(`request.user.id ${operator} 'x'`, {}, aResource('G'))).toBe(false)
  expect(holds(`request.groups.id ${operator} 'x'`, {}, aResource('G'))).toBe(false)
  expect(holds(`request.principal.id ${operator} 'x'`)).toBe(false)
  expect(holds(`constructor ${operator} 'x'`)).toBe(false)
})

test('a false test sinks all{} and is saved by another in any{}', () => {
  expect(holds("all {target.nothing != 'x', request.operation = 'Encrypt'}")).toBe(false)
  expect(holds("any {target.nothing != 'x', request.operation = 'Encrypt'}")).toBe(true)
  expect(holds("all {any {request.operation = 'x', request.operation = 'Encrypt'}, target.key.id = /ocid1*/}")).toBe(
    true,
  )
})

test('a resource has request.principal, and its type comes from the caller', () => {
  const where = "where all {request.principal.type = 'cluster', request.principal.id = 'ocid1.instance.oc1..vm'}"
  const request = anAccess('KEY_ENCRYPT', { variables: { 'request.principal.type': 'Cluster' } })
  expect(allows(`allow any-user to use keys in tenancy ${where}`, aResource(), request)).toBe(true)
  expect(allows(`allow any-user to use keys in tenancy ${where}`, aUser(), request)).toBe(false)
})

test('a caller cannot replace a built-in variable', () => {
  expect(holds("request.user.id = 'mallory'", { variables: { 'request.user.id': 'mallory' } })).toBe(false)
})

test('a list of values is a set', () => {
  const variables = { 'target.policy.type': ['allow', 'deny'] }
  expect(holds("target.policy.type = 'deny'", { variables })).toBe(true)
  expect(holds("target.policy.type != 'deny'", { variables })).toBe(false)
  expect(holds("target.policy.type != 'x'", { variables: { 'target.policy.type': [] } })).toBe(true)
})

test.each<[string, string, boolean]>([
  ['/HR*/', 'hr-team', true],
  ['/HR*/', 'the-hr', false],
  ['/*HR/', 'the-hr', true],
  ['/*HR/', 'hr-team', false],
  ['/*HR*/', 'a-hr-b', true],
  ['/*HR*/', 'h-r', false],
  ['/HR/', 'hr', true],
  ['/HR/', 'hrx', false],
  ['/*/', '', true],
  ['/a*a/', 'a', false],
  ['/a*b*c/', 'a-b-c', true],
  ['/a*b*c/', 'acb', false],
  ['/a*bc*bc/', 'abc', false],
  ["'team-*'", 'team-1', true],
  ["'team-*'", 'my-team-1', false],
  ['/.*/', 'x', false],
])('the pattern %s on %j: %s', (pattern, value, expected) => {
  const variables = { 'target.resource.tag.org.team': value }
  expect(holds(`target.resource.tag.org.team = ${pattern}`, { variables })).toBe(expected)
  expect(holds(`target.resource.tag.org.team != ${pattern}`, { variables })).toBe(!expected)
})

test('a long pattern on a long value is judged, and not tried in every way there is', () => {
  const isMet = holds(`target.x = /${'*a'.repeat(500)}*b/`, { variables: { 'target.x': 'a'.repeat(10_000) } })
  expect(isMet).toBe(false)
})

test.each<[string, string, boolean]>([
  ["= 'iad'", 'us-ashburn-1', true],
  ["= 'IAD'", 'us-ashburn-1', true],
  ["= 'us-ashburn-1'", 'us-ashburn-1', true],
  ["= 'US-Ashburn-1'", 'us-ashburn-1', true],
  ["= 'phx'", 'us-ashburn-1', false],
  ["!= 'iad'", 'us-ashburn-1', false],
  ["!= 'us-ashburn-1'", 'us-ashburn-1', false],
  ["!= 'phx'", 'us-ashburn-1', true],
  ["in ('phx', 'fra')", 'eu-frankfurt-1', true],
  ["= 'NRT'", 'ap-tokyo-1', true],
  ["!= 'nrt'", 'ap-tokyo-1', false],
  ["= 'sjc'", 'us-sanjose-1', true],
  ["= 'local-one-1'", 'local-one-1', true],
])('request.region %s in %s: %s', (test, region, expected) => {
  expect(holds(`request.region ${test}`, { region })).toBe(expected)
})

describe('time, at noon of Wednesday 15 July 2026', () => {
  test.each<[string, boolean]>([
    [" before '2026-07-15T12:00:01Z'", true],
    [" before '2026-07-15T12:00:00Z'", false],
    [" after '2026-07-15T11:59Z'", true],
    [" after '2026-07-15T12:00Z'", false],
    [" after '2026-07-15Z'", true],
    [" between '2026-07-15T12:00Z' and '2026-08-01Z'", true],
    [" between '2026-08-01Z' and '2026-07-01Z'", false],
    [" = '2026-07-15T12:00:00Z'", true],
    [".month-of-year = '7'", true],
    [".month-of-year in ('6', '8')", false],
    [".day-of-month = '15'", true],
    [".day-of-week = 'wednesday'", true],
    [".day-of-week in ('Saturday', 'Sunday')", false],
    [".time-of-day between '09:00:00Z' and '17:00:00Z'", true],
    [".time-of-day between '22:00' and '06:00'", false],
    [".time-of-day between '11:00:00Z' and '01:00:00Z'", true],
    [".time-of-day before '12:00:00Z'", false],
    [".time-of-day after '11:59:59Z'", true],
    [".time-of-day = '12:00:00Z'", true],
  ])('request.utc-timestamp%s is %s', (test, expected) => {
    expect(holds(`request.utc-timestamp${test}`)).toBe(expected)
  })

  test('a span over midnight holds late and early', () => {
    const condition = "request.utc-timestamp.time-of-day between '22:00:00Z' and '06:00:00Z'"
    expect(holds(condition, { now: noon + 11 * 3_600_000 })).toBe(true)
    expect(holds(condition, { now: noon + 17 * 3_600_000 })).toBe(true)
  })

  test.each([
    "request.utc-timestamp before 'tomorrow'",
    "request.utc-timestamp before '2026-13-01Z'",
    "request.utc-timestamp.time-of-day before '25:00:00Z'",
    "request.utc-timestamp.time-of-day between '9:00' and '17:00'",
    "request.utc-timestamp.day-of-month after '3'",
    "target.key.id before '2026-01-01Z'",
  ])('%s is refused when compiled', (condition) => {
    const statements = [`allow any-user to use keys in tenancy where ${condition}`]
    expect(() => compilePolicy({ id: 'p', compartmentId: tenancy, statements })).toThrow(refused)
  })
})

test.each<[string, string, boolean]>([
  ["request.utc-timestamp between '2026-07-15' and '2026-07-16'", '2026-07-15T00:00:00Z', true],
  ["request.utc-timestamp between '2026-07-15' and '2026-07-16'", '2026-07-16T00:00:00Z', true],
  ["request.utc-timestamp between '2026-07-15' and '2026-07-16'", '2026-07-14T23:59:59.999Z', false],
  ["request.utc-timestamp between '2026-07-15' and '2026-07-16'", '2026-07-16T00:00:00.001Z', false],
  // Only a time of day may pass over an end.
  ["request.utc-timestamp between '2026-07-16' and '2026-07-15'", '2026-07-17T00:00:00Z', false],
  ["request.utc-timestamp between '2026-07-16' and '2026-07-15'", '2026-07-14T00:00:00Z', false],
  ["request.utc-timestamp.time-of-day between '09:00Z' and '17:00Z'", '2026-07-15T08:59:59Z', false],
  ["request.utc-timestamp.time-of-day between '09:00Z' and '17:00Z'", '2026-07-15T09:00:00Z', true],
  ["request.utc-timestamp.time-of-day between '09:00Z' and '17:00Z'", '2026-07-15T17:00:00Z', true],
  ["request.utc-timestamp.time-of-day between '09:00Z' and '17:00Z'", '2026-07-15T17:00:01Z', false],
  ["request.utc-timestamp.time-of-day between '12:00Z' and '12:00Z'", '2026-07-15T12:00:00Z', true],
  ["request.utc-timestamp.time-of-day between '12:00Z' and '12:00Z'", '2026-07-15T12:00:01Z', false],
  ["request.utc-timestamp.time-of-day between '22:00Z' and '06:00Z'", '2026-07-15T22:00:00Z', true],
  ["request.utc-timestamp.time-of-day between '22:00Z' and '06:00Z'", '2026-07-15T06:00:00Z', true],
  ["request.utc-timestamp.time-of-day between '22:00Z' and '06:00Z'", '2026-07-15T06:00:01Z', false],
  ["request.utc-timestamp.time-of-day between '22:00Z' and '06:00Z'", '2026-07-15T21:59:59Z', false],
  ["request.utc-timestamp.time-of-day before '12:00:00Z'", '2026-07-15T12:00:00Z', false],
  ["request.utc-timestamp.time-of-day after '12:00:00Z'", '2026-07-15T12:00:00Z', false],
  ["request.utc-timestamp.time-of-day after '12:00:00z'", '2026-07-15T12:00:00.001Z', true],
])('%s, at %s, is %s', (condition, at, expected) => {
  expect(holds(condition, { now: Date.parse(at) })).toBe(expected)
})

test.each<[string, RegExp]>([
  [
    "target.key.id after '2026-01-01'",
    /^Policy statement 1: .*after compares times only; target\.key\.id is none\.$|after compares times only; target\.key\.id is none\.$/,
  ],
  ["request.utc-timestamp after 'noon'", /'noon' is not an ISO 8601 time in UTC\.$/],
  ["request.utc-timestamp.time-of-day after '12:00Z0'", /'12:00Z0' is not an ISO 8601 time in UTC\.$/],
  ["request.utc-timestamp.time-of-day after '12Z:00'", /is not an ISO 8601 time in UTC\.$/],
])('%s is refused with its reason', (condition, message) => {
  const statement = `Allow any-user to use keys in tenancy where ${condition}`
  expect(() => compilePolicy({ id: 'p', compartmentId: tenancy, statements: [statement] })).toThrow(message)
})
