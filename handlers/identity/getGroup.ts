import { bodyless } from '../../lib/http/operation.ts'
import { toGroup } from './groupWire.ts'
import { authorizedNamed } from './tenancyWide.ts'

export const getGroupOperation = bodyless('GetGroup', async (request) => {
  const row = await authorizedNamed(request, 'group', request.parameters['groupId'] ?? '')
  return { body: toGroup(row, request.caller.principal.tenancyId), headers: { etag: row.etag } }
})
