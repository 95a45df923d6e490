import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { cancelVaultDeletion } from '../../lib/kms/schedule/scheduledDeletion.ts'
import { toVault } from './vaultWire.ts'

export const cancelVaultDeletionOperation = bodyless('CancelVaultDeletion', async (request) => {
  const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
  const row = await cancelVaultDeletion(request.ports, request.mutation, vault)
  return { body: await toVault(request.ports, row), headers: { etag: row.etag } }
})
