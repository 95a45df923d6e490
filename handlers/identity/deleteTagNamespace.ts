import { bodyless } from '../../lib/http/operation.ts'
import { deleteTagNamespace } from '../../lib/kms/identity/tagging/tagNamespaces.ts'
import { authorizedTagNamespace } from './tagNamespaceWire.ts'

export const deleteTagNamespaceOperation = bodyless('DeleteTagNamespace', async (request) => {
  const { id } = await authorizedTagNamespace(request)
  await deleteTagNamespace(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
