import fc from 'fast-check'
import { type CompiledPolicy, isAllowed } from '../../lib/iam/policy.ts'
import { type Permission, permissionsByVerb, type ResourceType, verbs } from '../../lib/iam/permissions.ts'
import { anAccess, aResource, aService, aUser, compartments, policyAt, tree } from './policyFixtures.ts'

const permissions = Object.values(permissionsByVerb).flatMap((row) =>
  verbs.flatMap((verb): readonly Permission[] => row[verb]),
)
const resources = [...(Object.keys(permissionsByVerb) as ResourceType[]), 'key-family', 'all-resources', 'buckets']

const subject = fc.constantFrom('any-user', 'any-group', 'group A', 'group B, C', 'dynamic-group A', 'service s')
const action = fc.oneof(
  fc.tuple(fc.constantFrom(...verbs), fc.constantFrom(...resources)).map((words) => words.join(' ')),
  fc.constantFrom(...permissions).map((permission) => `{${permission}}`),
)
const location = fc.oneof(
  fc.constantFrom(
    'tenancy',
    'compartment ABC',
    'compartment Child',
    'compartment ABC:Child',
    'compartment Prod:Payments',
  ),
  fc.constantFrom(...compartments).map((id) => `compartment id ${id}`),
)
const condition = fc.constantFrom(
  '',
  " where target.key.id = 'ocid1.key.oc1..x'",
  " where request.operation != 'Encrypt'",
  " where any {request.region = 'iad', target.none = 'x'}",
  ' where request.permission = /*_READ/',
  ' where target.none != request.operation',
)
const statement = fc
  .tuple(subject, action, location, condition)
  .map(([who, what, where, when]) => `allow ${who} to ${what} in ${where}${when}`)
const policy = fc
  .tuple(fc.constantFrom(...compartments), fc.array(statement, { maxLength: 4 }))
  .map(([compartmentId, statements]) => policyAt(compartmentId, ...statements))
const policies = fc.array(policy, { maxLength: 4 })
const principal = fc.constantFrom(aUser(), aUser('A'), aUser('A', 'C'), aResource('A'), aResource(), aService('s'))
const request = fc
  .tuple(
    fc.array(fc.constantFrom(...permissions), { minLength: 1, maxLength: 3 }),
    fc.constantFrom(...compartments, 'ocid1.compartment.oc1..gone'),
  )
  .map(([needed, compartmentId]) => anAccess('KEY_READ', { permissions: needed, compartmentId }))

const runs = { numRuns: 2000 }

test('without an allow statement nothing is allowed', () => {
  const silent = fc.constantFrom(
    [],
    [policyAt(tree.rootId)],
    [policyAt(tree.rootId, 'deny any-user to manage all-resources in tenancy', 'define group A as ocid1.group.oc1..a')],
    [
      policyAt(
        tree.rootId,
        'endorse any-user to manage all-resources in any-tenancy',
        'admit any-user of tenancy T to manage all-resources',
      ),
    ],
  )
  fc.assert(
    fc.property(silent, principal, request, (all, who, what) => !isAllowed(all, tree, who, what)),
    runs,
  )
})

test('another policy never takes a grant away', () => {
  fc.assert(
    fc.property(policies, policy, fc.nat(4), principal, request, (some, another, position, who, what) => {
      const more: readonly CompiledPolicy[] = some.toSpliced(position, 0, another)
      return !isAllowed(some, tree, who, what) || isAllowed(more, tree, who, what)
    }),
    runs,
  )
})

test('the order of policies does not matter', () => {
  fc.assert(
    fc.property(
      policies,
      principal,
      request,
      (some, who, what) => isAllowed(some, tree, who, what) === isAllowed(some.toReversed(), tree, who, what),
    ),
    runs,
  )
})

test('several permissions are allowed exactly when each is', () => {
  fc.assert(
    fc.property(policies, principal, request, (some, who, what) => {
      const each = what.permissions.every((one) => isAllowed(some, tree, who, { ...what, permissions: [one] }))
      return isAllowed(some, tree, who, what) === each
    }),
    runs,
  )
})

test('what is allowed in a compartment by statements without conditions is allowed in those below', () => {
  const unconditional = fc
    .tuple(subject, action, location)
    .map(([who, what, where]) => `allow ${who} to ${what} in ${where}`)
  fc.assert(
    fc.property(
      fc.constantFrom(...compartments),
      unconditional,
      principal,
      fc.constantFrom(...permissions),
      (attachedTo, text, who, permission) => {
        const one = [policyAt(attachedTo, text)]
        const reached = compartments.filter((compartmentId) =>
          isAllowed(one, tree, who, anAccess(permission, { compartmentId })),
        )
        const below = compartments.filter((id) =>
          tree.ancestors(id).some((ancestor) => reached.includes(ancestor as (typeof compartments)[number])),
        )
        expect(reached).toEqual(below)
      },
    ),
    runs,
  )
})

test('a policy reaches nothing outside the compartment it is attached to', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...compartments),
      fc.array(statement, { minLength: 1, maxLength: 4 }),
      principal,
      request,
      (attachedTo, texts, who, what) => {
        const isBelow = tree.ancestors(what.compartmentId).includes(attachedTo)
        return isBelow || !isAllowed([policyAt(attachedTo, ...texts)], tree, who, what)
      },
    ),
    runs,
  )
})
