import { bodyless } from '../../lib/http/operation.ts'
import { removeUserFromGroup } from '../../lib/kms/identity/memberships.ts'
import { authorizedMembership } from './groupWire.ts'

export const removeUserFromGroupOperation = bodyless('RemoveUserFromGroup', async (request) => {
  const { id } = await authorizedMembership(request)
  await removeUserFromGroup(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
