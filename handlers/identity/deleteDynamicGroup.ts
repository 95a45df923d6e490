import { bodyless } from '../../lib/http/operation.ts'
import { deleteDynamicGroup } from '../../lib/kms/identity/groups.ts'
import { authorizedNamed } from './tenancyWide.ts'

export const deleteDynamicGroupOperation = bodyless('DeleteDynamicGroup', async (request) => {
  const { id } = await authorizedNamed(request, 'dynamicGroup', request.parameters['dynamicGroupId'] ?? '')
  await deleteDynamicGroup(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
