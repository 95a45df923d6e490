import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { listRequest, nextPage } from '../../lib/http/paging.ts'
import { listVaults } from '../../lib/kms/vaults/listVaults.ts'
import { toVaultSummary } from './vaultWire.ts'

export const listVaultsOperation = bodyless('ListVaults', async (request) => {
  const compartmentId = requiredOcid(request.query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const { items, next } = await listVaults(request.ports, compartmentId, listRequest(request))
  const body = await Promise.all(items.map((row) => toVaultSummary(request.ports, row)))
  return { body, headers: nextPage(request, next) }
})
