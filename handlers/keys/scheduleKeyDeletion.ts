import { authorizedKey } from '../../lib/http/authorize.ts'
import { scheduleDeletionDetails } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { scheduleKeyDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { toKey } from './keyWire.ts'

export const scheduleKeyDeletionOperation = operation('ScheduleKeyDeletion', {
  input: scheduleDeletionDetails,
  run: async (request, { timeOfDeletion }) => {
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    const row = await scheduleKeyDeletion(request.ports, request.mutation, loaded, timeOfDeletion ?? undefined)
    return { body: toKey(request.ports, loaded.vault.row, row), headers: { etag: row.etag } }
  },
})
