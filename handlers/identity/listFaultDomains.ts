import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'

/** Nothing here is placed in one. */
export const listFaultDomainsOperation = bodyless('ListFaultDomains', async (request) => {
  authorizedCompartment(request, requiredOcid(request.query, 'compartmentId'))
  return { body: [] }
})
