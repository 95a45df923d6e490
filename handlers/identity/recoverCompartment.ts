import { bodyless } from '../../lib/http/operation.ts'
import { recoverCompartment } from '../../lib/kms/identity/recoverCompartment.ts'
import { authorizedCompartmentRow, mayInspect, toCompartment } from './compartmentWire.ts'

export const recoverCompartmentOperation = bodyless('RecoverCompartment', async (request) => {
  const { id } = await authorizedCompartmentRow(request)
  const row = await recoverCompartment(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { body: toCompartment(row, mayInspect(request, id)), headers: { etag: row.etag } }
})
