import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { listRequest, nextPage } from '../../lib/http/paging.ts'
import { listPage } from '../../lib/kms/rows/listing.ts'
import { vaultListingPartition, type VaultRow } from '../../lib/kms/rows/rows.ts'
import { toVaultSummary } from './vaultWire.ts'

export const listVaultsOperation = bodyless('ListVaults', async (request) => {
  const compartmentId = requiredOcid(request.query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const page = await listPage(
    request.ports,
    'Vaults',
    [vaultListingPartition(compartmentId)],
    listRequest(request),
    () => true,
  )
  const rows = page.items as unknown as readonly VaultRow[]
  const body = await Promise.all(rows.map((row) => toVaultSummary(request.ports, row)))
  return { body, headers: nextPage(request, page.next) }
})
