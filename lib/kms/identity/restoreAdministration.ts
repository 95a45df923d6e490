import { newOcid } from '../../ocid.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { newEtag } from '../mutation.ts'
import { identitySk, type GroupRow, type NewIdentityRow, type PolicyRow, type UserRow } from './identityRows.ts'
import { isAdministrators } from './lastAdministrator.ts'
import { rowsOf, type TenancyState } from './tenancyState.ts'
import { grantsEverything, hasTenantAdminName, tenantAdminPolicy } from './tenantAdminPolicy.ts'

/**
 * What a tenancy lacks for this user to be its administrator: themselves, the group Administrators, being in it, and the
 * policy, which versions before 0.2 let anybody delete or narrow who might manage policies. Nothing where all is there.
 */
export function restoreAdministration(
  { random, clock }: Pick<KmsPorts, 'random' | 'clock'>,
  state: TenancyState,
  { tenancyId, userId }: { readonly tenancyId: string; readonly userId: string },
): readonly NewIdentityRow[] {
  const timeCreated = new Date(clock()).toISOString()
  const made = () => ({ timeCreated, etag: newEtag(random) })
  const known = rowsOf<GroupRow>(state, 'group').find(isAdministrators)
  const groupId = known?.id ?? newOcid(random, 'group')
  const membership = identitySk.membership(userId, groupId)
  const policy = rowsOf<PolicyRow>(state, 'policy').find(hasTenantAdminName)
  const isWhole = policy !== undefined && grantsEverything(policy, tenancyId, { id: groupId })
  const id = policy?.id ?? newOcid(random, 'policy')
  return [
    ...(state.rows.has(identitySk.user(userId))
      ? []
      : [{ ...made(), sk: identitySk.user(userId), kind: 'user', id: userId, name: freeName(state) } as const]),
    ...(known === undefined
      ? [{ ...made(), sk: identitySk.group(groupId), kind: 'group', id: groupId, name: 'Administrators' } as const]
      : []),
    ...(state.rows.has(membership)
      ? []
      : [
          {
            ...made(),
            sk: membership,
            kind: 'membership',
            id: newOcid(random, 'groupmembership'),
            userId,
            groupId,
          } as const,
        ]),
    ...(isWhole ? [] : tenantAdminPolicy(tenancyId, groupId, { ...made(), id })),
  ]
}

/** The administrator's first name, unless somebody bears it meanwhile. */
function freeName(state: TenancyState): string {
  const taken = new Set(rowsOf<UserRow>(state, 'user').map(({ name }) => name.toLowerCase()))
  let name = 'administrator'
  for (let count = 2; taken.has(name); count += 1) name = `administrator-${count}`
  return name
}
