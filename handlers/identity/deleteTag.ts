import { bodyless } from '../../lib/http/operation.ts'
import { deleteTag } from '../../lib/kms/identity/tagging/tags.ts'
import { authorizedTag } from './tagWire.ts'

/** Done when it is answered; the work request says so to whoever waits for it. */
export const deleteTagOperation = bodyless('DeleteTag', async (request) => {
  const { tag } = await authorizedTag(request)
  const { tenancyId } = request.caller.principal
  const workRequestId = await deleteTag(request.ports, tenancyId, request.mutation, tag.id)
  return { status: 202, headers: { 'opc-work-request-id': workRequestId } }
})
