import { matchesRule } from '../iam/matchingRule.ts'
import type { Principal } from '../iam/principal.ts'
import type { Workload } from '../iam/oidc/workload.ts'
import type { TenancyIdentity, UserIdentity } from '../kms/identity/identityCache.ts'
import type { DynamicGroupRow } from '../kms/identity/identityRows.ts'
import { madeOnce } from '../madeOnce.ts'

/** Who calls, as policies see them: made once per state of the tenancy's identity. */

/** A user, and the groups they are in. */
type Member = Pick<UserIdentity, 'user' | 'groupIds'>

const users = new WeakMap<TenancyIdentity, WeakMap<Member, Principal>>()

export function userPrincipal(identity: Member, tenancy: TenancyIdentity, tenancyId: string): Principal {
  const ofTenancy = madeOnce(users, tenancy, () => new WeakMap<Member, Principal>())
  return madeOnce(ofTenancy, identity, () => ({
    kind: 'user',
    id: identity.user.id,
    name: identity.user.name,
    tenancyId,
    groups: tenancy.groups.filter(({ id }) => identity.groupIds.includes(id)).map(({ id, name }) => ({ id, name })),
    dynamicGroups: [],
  }))
}

const workloads = new WeakMap<TenancyIdentity, WeakMap<object, Principal>>()

/** `token`: the object that stands for the token as long as it is known. */
export function workloadPrincipal(
  token: object,
  workload: Workload,
  tenancy: TenancyIdentity,
  tenancyId: string,
): Principal {
  const ofTenancy = madeOnce(workloads, tenancy, () => new WeakMap<object, Principal>())
  return madeOnce(ofTenancy, token, () => {
    const { id, name, variables } = workload
    const alone: Principal = { kind: 'resource', id, name, tenancyId, groups: [], dynamicGroups: [], variables }
    const dynamicGroups = tenancy.dynamicGroups.filter((group) => ruleOf(group)(alone))
    return { ...alone, dynamicGroups: dynamicGroups.map((group) => ({ id: group.id, name: group.name })) }
  })
}

const rules = new WeakMap<DynamicGroupRow, (principal: Principal) => boolean>()

function ruleOf(group: DynamicGroupRow): (principal: Principal) => boolean {
  return madeOnce(rules, group, () => matchesRule(group.matchingRule))
}
