import { isAllowed, type PolicySource } from '../../lib/iam/policy.ts'
import { rulesOf } from '../../lib/iam/rulesOf.ts'
import { abc, anAccess, aUser, tenancy } from './policyFixtures.ts'

const compartments = [
  { id: tenancy, parentId: null, name: 'acme' },
  { id: abc, parentId: tenancy, name: 'ABC' },
]
const policy = (...statements: readonly string[]): PolicySource => ({ id: 'p', compartmentId: tenancy, statements })

function allowed(policies: readonly PolicySource[], of = compartments, compartmentId = abc): boolean {
  const { tree, policies: compiled } = rulesOf({ compartments: of, policies }, tenancy)
  return isAllowed(compiled, tree, aUser('G'), anAccess('KEY_ENCRYPT', { compartmentId }))
}

const grant = 'Allow group G to use keys in tenancy'
/** Older versions took it. */
const noDate = `${grant} where request.utc-timestamp before '2026-02-30Z'`

test('a tenancy without compartments of its own is one', () => {
  expect(rulesOf({ compartments: [], policies: [] }, tenancy).tree.ancestors(tenancy)).toEqual([tenancy])
  expect(rulesOf({ compartments, policies: [] }, tenancy).tree.ancestors(abc)).toEqual([abc, tenancy])
  expect(allowed([policy(grant)], [], tenancy)).toBe(true)
})

test('a stored statement that does not compile any more grants nothing; those beside it serve', () => {
  expect(allowed([policy(noDate)])).toBe(false)
  expect(allowed([policy(noDate, grant)])).toBe(true)
  expect(allowed([policy(grant, noDate)])).toBe(true)
  expect(allowed([policy(noDate), policy(grant)])).toBe(true)
  const admin = 'Allow group Other to use keys in tenancy'
  expect(allowed([policy(noDate, admin)])).toBe(false)
})

test('what else goes wrong is not taken for a statement of an older version', () => {
  const broken = new Proxy(policy(grant), {
    get: (target, member) => {
      if (member === 'statements') throw new RangeError('out of reach')
      return Reflect.get(target, member) as unknown
    },
  })
  expect(() => rulesOf({ compartments, policies: [broken] }, tenancy)).toThrow(RangeError)
})

test('the rules of one point of history are made once, and a policy that stays is compiled once', () => {
  const stays = policy(grant)
  const source = { compartments, policies: [stays] }
  const rules = rulesOf(source, tenancy)
  expect(rulesOf(source, tenancy)).toBe(rules)
  const later = rulesOf({ compartments, policies: [policy(noDate), stays] }, tenancy)
  expect(later.policies[1]).toBe(rules.policies[0])
})
