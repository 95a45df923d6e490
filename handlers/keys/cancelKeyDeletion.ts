import { cancelKeyDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { keyOperation } from './keyOperation.ts'

export const cancelKeyDeletionOperation = keyOperation('CancelKeyDeletion', {
  run: ({ ports, mutation }, loaded) => cancelKeyDeletion(ports, mutation, loaded),
})
