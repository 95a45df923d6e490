import { bodyless } from '../../lib/http/operation.ts'
import { deleteTagDefault } from '../../lib/kms/identity/tagging/tagDefaults.ts'
import { authorizedTagDefault } from './tagDefaultWire.ts'

export const deleteTagDefaultOperation = bodyless('DeleteTagDefault', async (request) => {
  const { id } = await authorizedTagDefault(request)
  await deleteTagDefault(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
