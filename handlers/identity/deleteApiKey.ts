import { bodyless } from '../../lib/http/operation.ts'
import { deleteApiKey } from '../../lib/kms/identity/apiKeys.ts'
import { holderOfApiKeys } from './userWire.ts'

export const deleteApiKeyOperation = bodyless('DeleteApiKey', async (request) => {
  const { id: userId } = await holderOfApiKeys(request)
  const fingerprint = request.parameters['fingerprint'] ?? ''
  await deleteApiKey(request.ports, request.caller.principal.tenancyId, request.mutation, { userId, fingerprint })
  return { status: 204 }
})
