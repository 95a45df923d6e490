import { authorizedCompartment, refuseAbsent } from '../../lib/http/authorize.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { membershipsIn, type Membership } from '../../lib/kms/identity/memberships.ts'
import { requireNamed, type Named } from '../../lib/kms/identity/namedRows.ts'
import { tenancyState, type TenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { namedFacts, targetVariables } from './tenancyWide.ts'

/** Group (contract §2.8). */
export function toGroup(row: Named<'group'>, tenancyId: string): JsonObject {
  return namedFacts(row, tenancyId)
}

/** DynamicGroup (contract §2.8). */
export function toDynamicGroup(row: Named<'dynamicGroup'>, tenancyId: string): JsonObject {
  return { ...namedFacts(row, tenancyId), matchingRule: row.matchingRule }
}

/** UserGroupMembership (contract §2.8). */
export function toMembership({ id, userId, groupId, timeCreated }: Membership, tenancyId: string): JsonObject {
  return {
    id,
    compartmentId: tenancyId,
    userId,
    groupId,
    timeCreated,
    lifecycleState: 'ACTIVE',
    inactiveStatus: null,
  }
}

export async function authorizedMembership(request: Request): Promise<Membership> {
  const id = request.parameters['membershipId'] ?? ''
  request.target.resourceId = id
  const state = await stateOf(request)
  const row = membershipsIn(state).find((each) => each.id === id)
  if (row === undefined) return refuseAbsent(request, { name: 'noSuchIdentity', kind: 'membership', id })
  judgeMembership(request, state, row)
  return row
}

/** Of a user in a group, whether there is one or it is to be made: conditions may ask who and which. */
export async function authorizeMembership(
  request: Request,
  about: Pick<Membership, 'userId' | 'groupId'>,
): Promise<void> {
  judgeMembership(request, await stateOf(request), about)
}

function stateOf({ ports, caller }: Request): Promise<TenancyState> {
  return tenancyState(ports, caller.principal.tenancyId)
}

function judgeMembership(
  request: Request,
  state: TenancyState,
  { userId, groupId }: Pick<Membership, 'userId' | 'groupId'>,
): void {
  const user = requireNamed(state, 'user', userId)
  const group = requireNamed(state, 'group', groupId)
  authorizedCompartment(request, request.caller.principal.tenancyId, targetVariables(user, group))
}
