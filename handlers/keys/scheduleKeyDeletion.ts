import { scheduleDeletionDetails } from '../../lib/http/fields.ts'
import { scheduleKeyDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { keyOperation } from './keyOperation.ts'

export const scheduleKeyDeletionOperation = keyOperation('ScheduleKeyDeletion', {
  input: scheduleDeletionDetails,
  run: ({ ports, mutation }, loaded, { timeOfDeletion }) =>
    scheduleKeyDeletion(ports, mutation, loaded, timeOfDeletion ?? undefined),
})
