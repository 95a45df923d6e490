import { bodyless } from '../../lib/http/operation.ts'
import { apiKeysIn } from '../../lib/kms/identity/apiKeys.ts'
import { authorizedUserOrSelf, toApiKey } from './userWire.ts'

/** All of them: a user has at most three. */
export const listApiKeysOperation = bodyless('ListApiKeys', async (request) => {
  const { id } = await authorizedUserOrSelf(request)
  const { tenancyId } = request.caller.principal
  const state = await request.ports.identity.state(tenancyId)
  return { body: apiKeysIn(state, id).map((row) => toApiKey(row, tenancyId)) }
})
