import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { listRequest, nextPage } from '../../lib/http/paging.ts'
import { listKeyVersions } from '../../lib/kms/keys/listKeys.ts'
import { toKeyVersionSummary } from './keyWire.ts'

export const listKeyVersionsOperation = bodyless('ListKeyVersions', async (request) => {
  const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
  const { items, next } = await listKeyVersions(request.ports, loaded, listRequest(request))
  return { body: items.map((row) => toKeyVersionSummary(loaded, row)), headers: nextPage(request, next) }
})
