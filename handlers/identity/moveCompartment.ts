import * as v from 'valibot'
import { authorize, authorizedCompartment } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { operations } from '../../lib/http/operations.ts'
import { moveCompartment } from '../../lib/kms/identity/moveCompartment.ts'
import { authorizedSubcompartment } from './compartmentWire.ts'

const moveCompartmentDetails = v.object({ targetCompartmentId: ocid })

/** Who may only in the compartment itself may not take it out of the reach of those above it. */
export const moveCompartmentOperation = operation('MoveCompartment', {
  input: moveCompartmentDetails,
  run: async (request, { targetCompartmentId }) => {
    const { id, parentId } = await authorizedSubcompartment(request)
    const { permissions } = operations[request.operation]
    authorize(request, permissions, parentId)
    authorizedCompartment(request, targetCompartmentId)
    const { tenancyId } = request.caller.principal
    const row = await moveCompartment(request.ports, tenancyId, request.mutation, id, targetCompartmentId)
    const headers = row.workRequestId === null ? {} : { 'opc-work-request-id': row.workRequestId }
    return { status: 202, headers: { ...headers, etag: row.etag } }
  },
})
