import { namespaceVariables } from '../../lib/http/definedTags.ts'
import { isAuthorized } from '../../lib/http/isAuthorized.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { IsShown } from '../../lib/iam/bindNames.ts'

/** A refusal names what is there: only to a caller who may inspect it. */
export function shownTo(request: Request): IsShown {
  const { principal, tree } = request.caller
  const { tenancyId } = principal
  return (kind, thing) => {
    const { id, name } = thing
    switch (kind) {
      case 'compartment':
        return isAuthorized(request, ['COMPARTMENT_INSPECT'], id)
      case 'user':
        return isAuthorized(request, ['USER_INSPECT'], tenancyId, { 'target.user.id': id, 'target.user.name': name })
      case 'group':
        return isAuthorized(request, ['GROUP_INSPECT'], tenancyId, {
          'target.group.id': id,
          'target.group.name': name,
        })
      case 'dynamic-group':
        return isAuthorized(request, ['DYNAMIC_GROUP_INSPECT'], tenancyId, {
          'target.dynamicgroup.id': id,
          'target.dynamicgroup.name': name,
        })
      case 'trusted-issuer':
        return isAuthorized(request, ['TRUSTED_ISSUER_INSPECT'], tenancyId, {
          'target.trustedIssuer.id': id,
          'target.trustedIssuer.name': name,
        })
      case 'tag-namespace': {
        const at = thing.compartmentId ?? tree.rootId
        return isAuthorized(request, ['TAG_NAMESPACE_INSPECT'], at, namespaceVariables(thing))
      }
    }
  }
}
