import { authorizedCompartment } from '../../lib/http/authorize.ts'
import type { Request } from '../../lib/http/operation.ts'
import { notFoundOrForbidden } from '../../lib/errors.ts'

/** The tenancy of the path: the caller's own, for nobody sees another. */
export function authorizedOwnTenancy(request: Request): string {
  const { tenancyId } = request.caller.principal
  const { tenancyId: id = '' } = request.parameters
  if (id !== tenancyId) throw notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'tenancy', id })
  request.target.resourceId = tenancyId
  authorizedCompartment(request, tenancyId)
  return tenancyId
}
