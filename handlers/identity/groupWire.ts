import { authorizedCompartment } from '../../lib/http/authorize.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { notFoundOrForbidden } from '../../lib/errors.ts'
import { membershipById, type Membership } from '../../lib/kms/identity/memberships.ts'
import { namedById, type Named } from '../../lib/kms/identity/namedRows.ts'
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
  const { tenancyId } = request.caller.principal
  const id = request.parameters['membershipId'] ?? ''
  request.target.resourceId = id
  const row = await membershipById(request.ports, tenancyId, id)
  if (row === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'membership', id })
  await authorizeMembership(request, row)
  return row
}

/** Of a user in a group, whether there is one or it is to be made: conditions may ask who and which. */
export async function authorizeMembership(
  request: Request,
  { userId, groupId }: Pick<Membership, 'userId' | 'groupId'>,
): Promise<void> {
  const { tenancyId } = request.caller.principal
  const user = await namedById(request.ports, tenancyId, 'user', userId)
  const group = await namedById(request.ports, tenancyId, 'group', groupId)
  if (user === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'user', id: userId })
  if (group === undefined) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'group', id: groupId })
  authorizedCompartment(request, tenancyId, targetVariables(user, group))
}
