import { bodyless } from '../../lib/http/operation.ts'
import { deleteGroup } from '../../lib/kms/identity/groups.ts'
import { authorizedNamed } from './tenancyWide.ts'

export const deleteGroupOperation = bodyless('DeleteGroup', async (request) => {
  const { id } = await authorizedNamed(request, 'group', request.parameters['groupId'] ?? '')
  await deleteGroup(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
