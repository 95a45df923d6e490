import { bodyless } from '../../lib/http/operation.ts'
import { deletePolicy } from '../../lib/kms/identity/policies.ts'
import { authorizedPolicy } from './policyWire.ts'

export const deletePolicyOperation = bodyless('DeletePolicy', async (request) => {
  const { id } = await authorizedPolicy(request, request.parameters['policyId'] ?? '')
  await deletePolicy(request.ports, request.caller.principal.tenancyId, request.mutation, id)
  return { status: 204 }
})
