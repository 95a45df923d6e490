import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { workRequestsIn } from '../../lib/kms/identity/workRequests.ts'
import { identityPage } from './identityPage.ts'
import { toWorkRequest } from './workRequestWire.ts'

/** The last deletion or move of each compartment in one compartment; of one of them by `resourceIdentifier`. */
export const listWorkRequestsOperation = bodyless('ListWorkRequests', async (request) => {
  const { query } = request
  const compartmentId = requiredOcid(query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const resource = query['resourceIdentifier']
  const listed = workRequestsIn(await request.ports.identity.state(request.caller.principal.tenancyId))
    .filter((each) => each.compartmentId === compartmentId && (resource ?? each.resourceId) === each.resourceId)
    .map((each) => ({ ...each, name: '', timeCreated: each.timeAccepted }))
  return identityPage(request, listed, toWorkRequest)
})
