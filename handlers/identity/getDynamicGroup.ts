import { bodyless } from '../../lib/http/operation.ts'
import { toDynamicGroup } from './groupWire.ts'
import { authorizedNamed } from './tenancyWide.ts'

export const getDynamicGroupOperation = bodyless('GetDynamicGroup', async (request) => {
  const row = await authorizedNamed(request, 'dynamicGroup', request.parameters['dynamicGroupId'] ?? '')
  return { body: toDynamicGroup(row, request.caller.principal.tenancyId), headers: { etag: row.etag } }
})
