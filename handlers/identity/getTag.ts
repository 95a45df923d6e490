import { bodyless } from '../../lib/http/operation.ts'
import { authorizedTag, toTag } from './tagWire.ts'

export const getTagOperation = bodyless('GetTag', async (request) => {
  const { namespace, tag } = await authorizedTag(request)
  return { body: toTag(tag, namespace), headers: { etag: tag.etag } }
})
