import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { cancelKeyDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { toKey } from './keyWire.ts'

export const cancelKeyDeletionOperation = bodyless('CancelKeyDeletion', async (request) => {
  const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
  const row = await cancelKeyDeletion(request.ports, request.mutation, loaded)
  return { body: toKey(request.ports, loaded.vault.row, row), headers: { etag: row.etag } }
})
