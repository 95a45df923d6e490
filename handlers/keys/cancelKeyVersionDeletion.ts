import { cancelKeyVersionDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { keyVersionOperation } from './keyOperation.ts'

export const cancelKeyVersionDeletionOperation = keyVersionOperation('CancelKeyVersionDeletion', {
  run: ({ ports, mutation, parameters }, loaded) =>
    cancelKeyVersionDeletion(ports, mutation, loaded, parameters['keyVersionId'] ?? ''),
})
