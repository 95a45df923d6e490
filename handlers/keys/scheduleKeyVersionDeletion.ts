import { scheduleDeletionDetails } from '../../lib/http/fields.ts'
import { scheduleKeyVersionDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { keyVersionOperation } from './keyOperation.ts'

export const scheduleKeyVersionDeletionOperation = keyVersionOperation('ScheduleKeyVersionDeletion', {
  input: scheduleDeletionDetails,
  run: ({ ports, mutation, parameters }, loaded, { timeOfDeletion }) =>
    scheduleKeyVersionDeletion(ports, mutation, loaded, parameters['keyVersionId'] ?? '', timeOfDeletion ?? undefined),
})
