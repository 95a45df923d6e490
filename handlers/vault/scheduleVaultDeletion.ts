import { scheduleDeletionDetails } from '../../lib/http/fields.ts'
import { scheduleVaultDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { vaultOperation } from './vaultOperation.ts'

export const scheduleVaultDeletionOperation = vaultOperation('ScheduleVaultDeletion', {
  input: scheduleDeletionDetails,
  run: ({ ports, mutation }, vault, { timeOfDeletion }) =>
    scheduleVaultDeletion(ports, mutation, vault, timeOfDeletion ?? undefined),
})
