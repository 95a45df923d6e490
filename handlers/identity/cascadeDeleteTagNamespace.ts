import { bodyless } from '../../lib/http/operation.ts'
import { cascadeDeleteTagNamespace } from '../../lib/kms/identity/tagging/tagNamespaces.ts'
import { authorizedTagNamespace } from './tagNamespaceWire.ts'

/** Done when it is answered; the work request says so to whoever waits for it. */
export const cascadeDeleteTagNamespaceOperation = bodyless('CascadeDeleteTagNamespace', async (request) => {
  const { id } = await authorizedTagNamespace(request)
  const { tenancyId } = request.caller.principal
  const workRequestId = await cascadeDeleteTagNamespace(request.ports, tenancyId, request.mutation, id)
  return { status: 202, headers: { 'opc-work-request-id': workRequestId } }
})
