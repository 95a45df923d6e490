import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { wrappingKey } from '../../lib/kms/vaults/wrappingKey.ts'

export const getWrappingKeyOperation = bodyless('GetWrappingKey', async (request) => {
  const vault = await authorizedVault(request, request.vaultId)
  const { id, lifecycleState, wrapped, timeCreated, vaultId, etag } = await wrappingKey(request.ports, vault)
  const body = {
    compartmentId: vault.row.compartmentId,
    id,
    lifecycleState,
    publicKey: wrapped?.publicKey ?? '',
    timeCreated,
    vaultId,
  }
  return { body, headers: { etag } }
})
