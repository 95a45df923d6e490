import * as v from 'valibot'
import { authorize, authorizedCompartment, refuseAbsent } from '../../lib/http/authorize.ts'
import { namespaceVariables } from '../../lib/http/definedTags.ts'
import { tagValueOf } from '../../lib/http/fields.ts'
import type { Request } from '../../lib/http/operation.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import type { TagDefaultRow, TagNamespaceRow } from '../../lib/kms/identity/identityRows.ts'
import { requireTagging, taggingById } from '../../lib/kms/identity/taggingState.ts'
import { tenancyState, type TenancyState } from '../../lib/kms/identity/tenancyState.ts'

export const tagValue = tagValueOf(0)
export const isRequired = v.nullish(v.boolean())

/** TagDefault, and the summary in lists. */
export function toTagDefault(row: TagDefaultRow, state: TenancyState): JsonObject {
  const { id, compartmentId, tagId, value, timeCreated } = row
  const { tagNamespaceId, name } = requireTagging(state, 'tag', tagId)
  return {
    id,
    compartmentId,
    tagNamespaceId,
    tagDefinitionId: tagId,
    tagDefinitionName: name,
    value,
    isRequired: row.isRequired,
    timeCreated,
    lifecycleState: 'ACTIVE',
    locks: null,
  }
}

export async function tagDefaultAnswer(request: Request, row: TagDefaultRow) {
  const state = await tenancyState(request.ports, request.caller.principal.tenancyId)
  return { body: toTagDefault(row, state), headers: { etag: row.etag } }
}

/** The default of the path, if the caller may do to it what the operation does. */
export async function authorizedTagDefault(request: Request): Promise<TagDefaultRow> {
  const id = request.parameters['tagDefaultId'] ?? ''
  request.target.resourceId = id
  const row = await taggingById(request.ports, request.caller.principal.tenancyId, 'tagDefault', id)
  if (row === undefined) return refuseAbsent(request, { name: 'noSuchIdentity', kind: 'tag default', id })
  authorizedCompartment(request, row.compartmentId)
  return row
}

/** As in OCI, who says what others get must be allowed to use the namespace themselves. */
export async function authorizeKeyOfDefault(request: Request, tagId: string): Promise<TagNamespaceRow> {
  const state = await tenancyState(request.ports, request.caller.principal.tenancyId)
  const tag = requireTagging(state, 'tag', tagId)
  const namespace = requireTagging(state, 'tagNamespace', tag.tagNamespaceId)
  authorize(request, ['TAG_NAMESPACE_USE'], namespace.compartmentId, namespaceVariables(namespace))
  return namespace
}
