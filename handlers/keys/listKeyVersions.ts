import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { listRequest, nextPage } from '../../lib/http/paging.ts'
import { listPage } from '../../lib/kms/rows/listing.ts'
import { versionListingPartition, type KeyVersionRow } from '../../lib/kms/rows/rows.ts'
import { toKeyVersionSummary } from './keyWire.ts'

export const listKeyVersionsOperation = bodyless('ListKeyVersions', async (request) => {
  const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
  const page = await listPage(
    request.ports,
    'Keys',
    [versionListingPartition(loaded.key.id)],
    listRequest(request),
    () => true,
  )
  const rows = page.items as unknown as readonly KeyVersionRow[]
  return { body: rows.map((row) => toKeyVersionSummary(loaded, row)), headers: nextPage(request, page.next) }
})
