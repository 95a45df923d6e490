import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { toKey } from './keyWire.ts'

export const getKeyOperation = bodyless('GetKey', async (request) => {
  const { vault, key } = await authorizedKey(request, request.parameters['keyId'] ?? '')
  return { body: toKey(request.ports, vault.row, key), headers: { etag: key.etag } }
})
