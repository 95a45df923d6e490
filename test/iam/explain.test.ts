import { explain } from '../../lib/iam/explain.ts'
import { compartmentTree } from '../../lib/iam/compartmentTree.ts'
import { compilePolicy, isAllowed } from '../../lib/iam/policy.ts'
import type { Principal } from '../../lib/iam/principal.ts'

const tree = compartmentTree([
  { id: 'tenancy', parentId: null, name: 'root' },
  { id: 'shop', parentId: 'tenancy', name: 'shop' },
  { id: 'lab', parentId: 'tenancy', name: 'lab' },
])
const user: Principal = {
  kind: 'user',
  id: 'u',
  name: 'orders',
  tenancyId: 'tenancy',
  groups: [{ id: 'g', name: 'orders' }],
  dynamicGroups: [],
}
const policies = [
  compilePolicy({
    id: 'one',
    compartmentId: 'tenancy',
    statements: [
      'Allow group others to use keys in tenancy',
      'Allow group orders to use keys in compartment lab',
      "Allow group orders to use keys in compartment shop where request.operation = 'Decrypt'",
    ],
  }),
  compilePolicy({
    id: 'two',
    compartmentId: 'shop',
    statements: ['Allow group orders to {KEY_SIGN} in compartment shop'],
  }),
  compilePolicy({
    id: 'three',
    compartmentId: 'lab',
    statements: ['Allow any-user to manage keys in compartment lab'],
  }),
  compilePolicy(
    {
      id: 'four',
      compartmentId: 'tenancy',
      statements: ["Deny group orders to {KEY_SIGN} in tenancy where request.region = 'phx'"],
    },
    { allowDeny: true },
  ),
]
const ask = (permission: 'KEY_ENCRYPT' | 'KEY_SIGN', operation: string, region = 'us-ashburn-1') => {
  const request = { permissions: [permission], compartmentId: 'shop', operation, region, now: 0, variables: {} }
  const [explanation] = explain(policies, tree, user, request)
  return { ...explanation, isAllowed: isAllowed(policies, tree, user, request) }
}

test('what grants is named by policy and number', () => {
  expect(ask('KEY_SIGN', 'Sign')).toMatchObject({
    isAllowed: true,
    grantedBy: [{ policyId: 'two', number: 1 }],
    deniedBy: [],
  })
})

test('what does not apply is named with what is wrong, the nearest first', () => {
  expect(ask('KEY_ENCRYPT', 'Encrypt')).toMatchObject({
    isAllowed: false,
    grantedBy: [],
    nearly: [
      { policyId: 'one', number: 3, failing: 'condition' },
      { policyId: 'one', number: 2, failing: 'place' },
      { policyId: 'three', number: 1, failing: 'place' },
      { policyId: 'one', number: 1, failing: 'subject' },
    ],
  })
})

test('a denial is named beside what grants', () => {
  expect(ask('KEY_SIGN', 'Sign', 'us-phoenix-1')).toMatchObject({
    isAllowed: false,
    grantedBy: [{ policyId: 'two', number: 1 }],
    deniedBy: [{ policyId: 'four', number: 1 }],
  })
})
