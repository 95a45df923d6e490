import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { toVault } from './vaultWire.ts'

export const getVaultOperation = bodyless('GetVault', async (request) => {
  const { row } = await authorizedVault(request, request.parameters['vaultId'] ?? '')
  return { body: await toVault(request.ports, row), headers: { etag: row.etag } }
})
