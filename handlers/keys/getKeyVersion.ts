import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { notFoundOrForbidden } from '../../lib/errors.ts'
import { keyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { toKeyVersion } from './keyWire.ts'

export const getKeyVersionOperation = bodyless('GetKeyVersion', async (request) => {
  const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
  const version = await keyVersion(request.ports, loaded, request.parameters['keyVersionId'] ?? '')
  if (version === undefined) throw notFoundOrForbidden()
  return { body: toKeyVersion(request.ports, loaded, version), headers: { etag: version.etag } }
})
