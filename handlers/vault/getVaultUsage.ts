import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { vaultUsage } from '../../lib/kms/usage/vaultUsage.ts'

export const getVaultUsageOperation = bodyless('GetVaultUsage', async (request) => {
  const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
  const { HSM, SOFTWARE } = await vaultUsage(request.ports, vault)
  const body = {
    keyCount: HSM.keys,
    keyVersionCount: HSM.versions,
    softwareKeyCount: SOFTWARE.keys,
    softwareKeyVersionCount: SOFTWARE.versions,
  }
  return { body }
})
