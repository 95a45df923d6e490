import { authorizedCompartment, refuseAbsent } from '../../lib/http/authorize.ts'
import { namespaceVariables } from '../../lib/http/definedTags.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { TagNamespaceRow } from '../../lib/kms/identity/identityRows.ts'
import { taggingById } from '../../lib/kms/identity/taggingState.ts'

/** TagNamespace, and the summary in lists. */
export function toTagNamespace(row: TagNamespaceRow): JsonObject {
  const { id, compartmentId, name, description, isRetired, timeCreated, freeformTags, definedTags } = row
  return {
    id,
    compartmentId,
    name,
    description,
    isRetired,
    lifecycleState: tagState(isRetired),
    timeCreated,
    locks: null,
    freeformTags,
    definedTags,
  }
}

/** Of a namespace or a key: what is deleted is gone. */
export function tagState(isRetired: boolean): 'ACTIVE' | 'INACTIVE' {
  return isRetired ? 'INACTIVE' : 'ACTIVE'
}

/** The namespace of the path, if the caller may do to it what the operation does. */
export async function authorizedTagNamespace(request: Request): Promise<TagNamespaceRow> {
  const id = request.parameters['tagNamespaceId'] ?? ''
  request.target.resourceId = id
  const row = await taggingById(request.ports, request.caller.principal.tenancyId, 'tagNamespace', id)
  if (row === undefined) return refuseAbsent(request, { name: 'noSuchIdentity', kind: 'tag namespace', id })
  authorizedCompartment(request, row.compartmentId, namespaceVariables(row))
  request.target.resourceName = row.name
  return row
}
