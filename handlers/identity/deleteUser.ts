import { bodyless } from '../../lib/http/operation.ts'
import { deleteUser } from '../../lib/kms/identity/users.ts'
import { authorizedNamed } from './tenancyWide.ts'

export const deleteUserOperation = bodyless('DeleteUser', async (request) => {
  const { id } = await authorizedNamed(request, 'user', request.parameters['userId'] ?? '')
  await deleteUser(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
