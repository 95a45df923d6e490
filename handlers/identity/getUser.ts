import { bodyless } from '../../lib/http/operation.ts'
import { authorizedUserOrSelf, toUser } from './userWire.ts'

export const getUserOperation = bodyless('GetUser', async (request) => {
  const row = await authorizedUserOrSelf(request)
  return { body: toUser(row, request.caller.principal.tenancyId), headers: { etag: row.etag } }
})
