import fc from 'fast-check'
import { bindKnownNames } from '../../lib/iam/bindNames.ts'
import { compartmentTree } from '../../lib/iam/compartmentTree.ts'
import { type CompiledPolicy, compilePolicy, isAllowed } from '../../lib/iam/policy.ts'
import { naivelyAllowed, type PlainPolicy } from './naiveEvaluator.ts'
import { frequent, permissions, policies, written } from './plainStatements.ts'
import {
  aResource,
  aService,
  aUser,
  abc,
  abcChild,
  anAccess,
  compartments,
  noon,
  payments,
  policyAt,
  prod,
  tenancy,
} from './policyFixtures.ts'

/** How many judgements: 20,000 for every change, a million by night. */
const comparisons = Number(process.env['POLICY_COMPARISONS'] ?? 20_000)
const perPolicies = 20

const rows = [
  { id: tenancy, parentId: null, name: 'acme' },
  { id: abc, parentId: tenancy, name: 'ABC' },
  { id: abcChild, parentId: abc, name: 'Child' },
  { id: prod, parentId: tenancy, name: 'Prod' },
  { id: payments, parentId: prod, name: 'Payments' },
]

const principal = fc.constantFrom(
  aUser(),
  aUser('A'),
  aUser('B', 'C'),
  { ...aUser('A'), id: 'ocid1.user.oc1..later' },
  aUser('Administrators'),
  { ...aUser('A'), tenancyId: 'ocid1.tenancy.oc1..other' },
  aResource(),
  aResource('A'),
  aService('s'),
)
const request = fc
  .record({
    permissions: fc.oneof(
      fc.constantFrom(...frequent).map((one) => [one]),
      fc.array(fc.constantFrom(...frequent, ...permissions), { maxLength: 2 }),
    ),
    compartmentId: fc.constantFrom(...compartments, 'ocid1.compartment.oc1..gone'),
    operation: fc.constantFrom('Encrypt', 'GetKey'),
    region: fc.constantFrom('us-ashburn-1', 'eu-madrid-1'),
    now: fc.constantFrom(noon, noon + 86_400_000, noon - 1000, noon + 10 * 3_600_000),
    tags: fc.constantFrom(['red', 'blue'], [], ['x']),
  })
  .map(({ tags, ...of }) =>
    anAccess('KEY_READ', { ...of, variables: { 'target.key.id': 'ocid1.key.oc1..x', 'target.tags': tags } }),
  )

interface Way {
  readonly title: string
  /** As the policies stand when they are judged. */
  readonly compiled: (plain: PlainPolicy, statements: readonly string[]) => CompiledPolicy
  readonly plain: (plain: PlainPolicy) => PlainPolicy
  readonly rows: typeof rows
}

/** Names of siblings and cousins changed places, and a user was made anew with the name of one that is gone. */
const renamed = rows.map((row, index) => ({ ...row, name: rows[[0, 3, 4, 1, 2][index] ?? 0]?.name ?? '' }))
const users = [{ id: 'ocid1.user.oc1..ann', name: 'ann' }]
const groups = ['a', 'b', 'Administrators'].map((name) => ({ id: `ocid1.group.oc1..${name.toLowerCase()}`, name }))
const directory = {
  compartments: rows,
  user: users,
  group: groups,
  'dynamic-group': [{ id: 'ocid1.dynamicgroup.oc1..a', name: 'a' }],
  'tag-namespace': [],
  'trusted-issuer': [],
}

const ways: readonly Way[] = [
  {
    title: 'by names as they are',
    compiled: ({ compartmentId }, statements) => policyAt(compartmentId, ...statements),
    plain: (policy) => policy,
    rows,
  },
  {
    title: 'by names as they were written, whatever was renamed since',
    compiled: ({ compartmentId }, statements) => {
      const bound = bindKnownNames({ compartmentId, statements }, directory)
      return compilePolicy({ id: 'p', compartmentId, statements, bound }, { allowDeny: true })
    },
    plain: (policy) => ({ ...policy, writtenIn: { compartments: rows, users } }),
    rows: renamed,
  },
]

test.each(ways)(
  `a second evaluator, made without the first, judges ${comparisons} random requests alike: $title`,
  (way) => {
    const tree = compartmentTree(way.rows)
    let [judged, allowed] = [0, 0]
    fc.assert(
      fc.property(
        policies,
        fc.array(fc.tuple(principal, request), { minLength: perPolicies, maxLength: perPolicies }),
        (plain, requests) => {
          const compiled = plain.map((policy) => way.compiled(policy, policy.statements.map(written)))
          for (const [who, what] of requests) {
            const expected = naivelyAllowed(plain.map(way.plain), way.rows, who, what)
            if (isAllowed(compiled, tree, who, what) !== expected) return false
            judged += 1
            if (expected) allowed += 1
          }
          return true
        },
      ),
      { numRuns: Math.ceil(comparisons / perPolicies) },
    )
    expect(judged).toBeGreaterThanOrEqual(comparisons)
    // Neither always yes nor always no, else it would compare nothing.
    expect(allowed / judged).toBeGreaterThan(0.02)
    expect(allowed / judged).toBeLessThan(0.9)
  },
)
