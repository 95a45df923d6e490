import { KmsError } from '../../errors.ts'
import { identitySk, type GroupRow, type NewIdentityRow, type PolicyRow } from './identityRows.ts'

/** With it a tenancy begins. Names of policies do not change, and each is there once, so it is known by its name. */
export const tenantAdminPolicyName = 'Tenant Admin Policy'
const statements = ['Allow group Administrators to manage all-resources in tenancy']

/** The policy that lets Administrators do everything, and the row that keeps its name. */
export function tenantAdminPolicy(
  tenancyId: string,
  groupId: string,
  made: Pick<PolicyRow, 'id' | 'timeCreated' | 'etag'>,
): readonly NewIdentityRow[] {
  return [
    {
      ...made,
      sk: identitySk.policy(made.id),
      kind: 'policy',
      compartmentId: tenancyId,
      name: tenantAdminPolicyName,
      description: 'Lets the Administrators group do everything',
      statements,
      bound: { compartments: [], groups: [{ name: 'administrators', id: groupId }] },
      versionDate: null,
      freeformTags: {},
      definedTags: {},
    },
    { sk: identitySk.policyName(tenantAdminPolicyName), kind: 'policyName', policyId: made.id },
  ]
}

export function hasTenantAdminName({ name }: Pick<PolicyRow, 'name'>): boolean {
  return name.toLowerCase() === tenantAdminPolicyName.toLowerCase()
}

/** Whether it still lets this group do everything; a version before 0.2 stored it without what its names mean. */
export function grantsEverything(policy: PolicyRow, tenancyId: string, { id }: Pick<GroupRow, 'id'>): boolean {
  const names = policy.bound?.groups
  return (
    policy.compartmentId === tenancyId &&
    statements.every((statement) => policy.statements.includes(statement)) &&
    (names === undefined || names.some((each) => each.name === 'administrators' && each.id === id))
  )
}

/**
 * As in OCI, it is neither changed nor deleted: without it nobody could grant anything again.
 * @throws KmsError conflict
 */
export function requireNoTenantAdminPolicy(policy: PolicyRow, tenancyId: string): void {
  if (policy.compartmentId === tenancyId && hasTenantAdminName(policy)) {
    throw new KmsError(
      'conflict',
      `The policy ${policy.name} stays as it is: without it nobody could grant anything. To let somebody do less, put them into another group, with a policy of its own.`,
    )
  }
}
