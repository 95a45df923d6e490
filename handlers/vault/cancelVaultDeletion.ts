import { cancelVaultDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { vaultOperation } from './vaultOperation.ts'

export const cancelVaultDeletionOperation = vaultOperation('CancelVaultDeletion', {
  run: ({ ports, mutation }, vault) => cancelVaultDeletion(ports, mutation, vault),
})
