import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { identityPage } from './identityPage.ts'
import { toPolicy } from './policyWire.ts'

/** The policies attached to one compartment. */
export const listPoliciesOperation = bodyless('ListPolicies', async (request) => {
  const compartmentId = requiredOcid(request.query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const { policies } = await request.ports.identity.tenancy(request.caller.principal.tenancyId)
  const attached = policies.filter((policy) => policy.compartmentId === compartmentId)
  return identityPage(request, attached, toPolicy)
})
