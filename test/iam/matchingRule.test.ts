import { matchesRule, requireMatchingRule } from '../../lib/iam/matchingRule.ts'
import type { Principal } from '../../lib/iam/principal.ts'
import { workloadOf } from '../../lib/iam/oidc/workload.ts'

function holder(claims: Readonly<Record<string, unknown>>): Principal {
  const workload = workloadOf({ iss: 'https://issuer.example', sub: 'me', ...claims })
  return { kind: 'resource', tenancyId: 't', groups: [], dynamicGroups: [], ...workload }
}
const isTrue = (rule: string, claims: Readonly<Record<string, unknown>> = {}) => matchesRule(rule)(holder(claims))

test.each([
  ["request.principal.type = 'workload'", {}],
  ["request.principal.issuer = 'https://issuer.example'", {}],
  ["request.principal.sub = 'ME'", {}],
  ["request.principal.sub = 'm*'", {}],
  ["REQUEST.PRINCIPAL.Repository = 'acme/shop'", { repository: 'acme/shop' }],
  ["request.principal.groups = 'b'", { groups: ['a', 'b'] }],
  ["request.principal.run_attempt = '2'", { run_attempt: 2 }],
  ["request.principal.email_verified = 'true'", { email_verified: true }],
  [
    "all {request.principal.namespace = 'n', request.principal.service_account = 's'}",
    { 'kubernetes.io': { namespace: 'n', serviceaccount: { name: 's' } } },
  ],
  ["any {request.principal.sub = 'other', request.principal.sub != 'them'}", {}],
])('%s holds', (rule, claims) => {
  expect(isTrue(rule, claims)).toBe(true)
})

test.each([
  ['a claim that is not there', "request.principal.repository != 'x'", {}],
  [
    'a type of its own making',
    "request.principal.type = 'administrator'",
    { type: 'administrator', TYPE: 'administrator' },
  ],
  ['an issuer of its own making', "request.principal.issuer = 'other'", { issuer: 'other' }],
  ['a namespace that is no text', "request.principal.namespace = 'n'", { 'kubernetes.io': { namespace: ['n'] } }],
  ['what every object inherits', "request.principal.constructor != 'x'", {}],
  ['a list with more than texts', "request.principal.groups = 'a'", { groups: ['a', 1] }],
  ['what is no matter of a token', "request.region != 'x'", {}],
  ['a target', "target.key.id != 'x'", {}],
  ['a time', "request.utc-timestamp before '2999-01-01T00:00:00Z'", {}],
  ['a time of day around midnight', "request.utc-timestamp.time-of-day between '23:00:00Z' and '22:59:59Z'", {}],
  ['a stored rule that does not parse', 'true', {}],
])('%s fulfils no rule', (_what, rule, claims) => {
  expect(isTrue(rule, claims)).toBe(false)
})

test("a Kubernetes claim stands over one of the token's own of that name", () => {
  const claims = { namespace: 'made-up', 'kubernetes.io': { namespace: 'shop' } }
  expect(isTrue("request.principal.namespace = 'shop'", claims)).toBe(true)
  expect(isTrue("request.principal.namespace = 'made-up'", claims)).toBe(false)
})

test('who is whom does not depend on where a subject ends and an issuer begins', () => {
  const id = (iss: string, sub: string) => workloadOf({ iss, sub }).id
  expect(id('a', 'bc')).not.toBe(id('ab', 'c'))
  expect(id('a', 'b')).toBe(id('a', 'b'))
})

test.each([
  '',
  'true',
  "request.principal.sub ~ 'x'",
  "request.utc-timestamp before 'soon'",
  "requst.principal.sub = 'x'",
  "any {request.principal.sub = 'x', target.key.id = 'x'}",
  "request.principal.group.tag.ops.cost = 'x'",
])('%j is no rule', (rule) => {
  expect(() => {
    requireMatchingRule(rule)
  }).toThrow(expect.objectContaining({ code: 'invalidParameter' }) as Error)
})

test("OCI's rules on its resources are taken", () => {
  expect(() => {
    requireMatchingRule("any {instance.compartment.id = 'x', resource.type = 'fnfunc', tag.ops.cost.value = 'x'}")
  }).not.toThrow()
})
