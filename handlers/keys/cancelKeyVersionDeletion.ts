import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { cancelKeyVersionDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { toKeyVersion } from './keyWire.ts'

export const cancelKeyVersionDeletionOperation = bodyless('CancelKeyVersionDeletion', async (request) => {
  const { ports, mutation, parameters } = request
  const loaded = await authorizedKey(request, parameters['keyId'] ?? '')
  const version = await cancelKeyVersionDeletion(ports, mutation, loaded, parameters['keyVersionId'] ?? '')
  return { body: toKeyVersion(ports, loaded, version), headers: { etag: version.etag } }
})
