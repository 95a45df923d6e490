import { bodyless } from '../../lib/http/operation.ts'
import { authorizedPolicy, toPolicy } from './policyWire.ts'

export const getPolicyOperation = bodyless('GetPolicy', async (request) => {
  const row = await authorizedPolicy(request, request.parameters['policyId'] ?? '')
  return { body: toPolicy(row), headers: { etag: row.etag } }
})
