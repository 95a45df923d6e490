import { bodyless } from '../../lib/http/operation.ts'
import { deleteCompartment } from '../../lib/replication/tenancy/compartmentDeletion.ts'
import { authorizedCompartmentRow } from './compartmentWire.ts'
import type { IdentityPorts } from './identityPorts.ts'

export const deleteCompartmentOperation = bodyless<IdentityPorts>('DeleteCompartment', async (request) => {
  const { id } = await authorizedCompartmentRow(request)
  const { tenancyId } = request.caller.principal
  const workRequestId = await deleteCompartment(request.ports, tenancyId, request.mutation, id)
  return { status: 202, headers: { 'opc-work-request-id': workRequestId } }
})
