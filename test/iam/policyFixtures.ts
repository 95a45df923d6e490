import { type CompartmentTree, compartmentTree } from '../../lib/iam/compartmentTree.ts'
import { type CompiledPolicy, compilePolicy, isAllowed } from '../../lib/iam/policy.ts'
import type { Permission } from '../../lib/iam/permissions.ts'
import type { Principal } from '../../lib/iam/principal.ts'
import type { AccessRequest } from '../../lib/iam/variables.ts'

export const tenancy = 'ocid1.tenancy.oc1..root'
export const abc = 'ocid1.compartment.oc1..abc'
export const abcChild = 'ocid1.compartment.oc1..abcchild'
export const prod = 'ocid1.compartment.oc1..prod'
export const payments = 'ocid1.compartment.oc1..payments'
export const compartments = [tenancy, abc, abcChild, prod, payments] as const

/** root ─ ABC ─ Child; root ─ Prod ─ Payments. */
export const tree: CompartmentTree = compartmentTree([
  { id: tenancy, parentId: null, name: 'acme' },
  { id: abc, parentId: tenancy, name: 'ABC' },
  { id: abcChild, parentId: abc, name: 'Child' },
  { id: prod, parentId: tenancy, name: 'Prod' },
  { id: payments, parentId: prod, name: 'Payments' },
])

export function aUser(...groups: readonly string[]): Principal {
  return {
    kind: 'user',
    id: 'ocid1.user.oc1..ann',
    name: 'ann',
    tenancyId: tenancy,
    groups: groups.map((name) => ({ id: `ocid1.group.oc1..${name.toLowerCase()}`, name })),
    dynamicGroups: [],
  }
}

export function aResource(...dynamicGroups: readonly string[]): Principal {
  return {
    kind: 'resource',
    id: 'ocid1.instance.oc1..vm',
    name: 'vm',
    tenancyId: tenancy,
    groups: [],
    dynamicGroups: dynamicGroups.map((name) => ({ id: `ocid1.dynamicgroup.oc1..${name.toLowerCase()}`, name })),
  }
}

export function aService(name: string): Principal {
  return { kind: 'service', id: name, name, tenancyId: '', groups: [], dynamicGroups: [] }
}

/** Wednesday. */
export const noon = Date.parse('2026-07-15T12:00:00Z')

export function anAccess(permission: Permission, changes: Partial<AccessRequest> = {}): AccessRequest {
  return {
    permissions: [permission],
    compartmentId: abc,
    operation: 'Encrypt',
    region: 'us-ashburn-1',
    now: noon,
    variables: { 'target.key.id': 'ocid1.key.oc1..x', 'target.vault.id': 'ocid1.vault.oc1..x' },
    ...changes,
  }
}

export function policyAt(compartmentId: string, ...statements: readonly string[]): CompiledPolicy {
  return compilePolicy({ id: 'ocid1.policy.oc1..p', compartmentId, statements }, { allowDeny: true })
}

/** Whether statements attached to the tenancy allow a request. */
export function allows(statements: string | readonly string[], principal: Principal, request: AccessRequest): boolean {
  const texts = typeof statements === 'string' ? [statements] : statements
  return isAllowed([policyAt(tenancy, ...texts)], tree, principal, request)
}

/** Whether a condition holds for a user's request. */
export function holds(condition: string, changes: Partial<AccessRequest> = {}, principal = aUser('G')): boolean {
  return allows(`allow any-user to use keys in tenancy where ${condition}`, principal, anAccess('KEY_ENCRYPT', changes))
}
