import { bodyless } from '../../lib/http/operation.ts'
import { authorizedTagNamespace, toTagNamespace } from './tagNamespaceWire.ts'

export const getTagNamespaceOperation = bodyless('GetTagNamespace', async (request) => {
  const row = await authorizedTagNamespace(request)
  return { body: toTagNamespace(row), headers: { etag: row.etag } }
})
