import { bodyless } from '../../lib/http/operation.ts'
import { deleteApiKey } from '../../lib/kms/identity/apiKeys.ts'
import { authorizedUserOrSelf } from './userWire.ts'

export const deleteApiKeyOperation = bodyless('DeleteApiKey', async (request) => {
  const { id: userId } = await authorizedUserOrSelf(request)
  const fingerprint = request.parameters['fingerprint'] ?? ''
  await deleteApiKey(request.ports, request.caller.principal.tenancyId, request.mutation, { userId, fingerprint })
  return { status: 204 }
})
