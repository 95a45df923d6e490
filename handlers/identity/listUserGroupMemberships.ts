import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { membershipsIn } from '../../lib/kms/identity/memberships.ts'
import { toMembership } from './groupWire.ts'
import { identityPage } from './identityPage.ts'
import { authorizedTenancy } from './tenancyWide.ts'

/** By `userId`, by `groupId` or both; without either, all of the tenancy. */
export const listUserGroupMembershipsOperation = bodyless('ListUserGroupMemberships', async (request) => {
  const { query } = request
  const tenancyId = authorizedTenancy(request, requiredOcid(query, 'compartmentId'))
  const isAsked = (name: string, value: string) => query[name] === undefined || query[name] === value
  const listed = membershipsIn(await request.ports.identity.state(tenancyId))
    .filter(({ userId, groupId }) => isAsked('userId', userId) && isAsked('groupId', groupId))
    .map((row) => ({ ...row, name: '' }))
  return identityPage(request, listed, (row) => toMembership(row, tenancyId))
})
