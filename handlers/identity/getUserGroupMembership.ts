import { bodyless } from '../../lib/http/operation.ts'
import { authorizedMembership, toMembership } from './groupWire.ts'

export const getUserGroupMembershipOperation = bodyless('GetUserGroupMembership', async (request) => {
  const row = await authorizedMembership(request)
  return { body: toMembership(row, request.caller.principal.tenancyId), headers: { etag: row.etag } }
})
