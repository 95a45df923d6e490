import { authorizedKey } from '../../lib/http/authorize.ts'
import { scheduleDeletionDetails } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { scheduleKeyVersionDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { toKeyVersion } from './keyWire.ts'

export const scheduleKeyVersionDeletionOperation = operation('ScheduleKeyVersionDeletion', {
  input: scheduleDeletionDetails,
  run: async (request, { timeOfDeletion }) => {
    const { ports, mutation, parameters } = request
    const loaded = await authorizedKey(request, parameters['keyId'] ?? '')
    const versionId = parameters['keyVersionId'] ?? ''
    const version = await scheduleKeyVersionDeletion(ports, mutation, loaded, versionId, timeOfDeletion ?? undefined)
    return { body: toKeyVersion(ports, loaded, version), headers: { etag: version.etag } }
  },
})
