import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updateTagNamespace } from '../../lib/kms/identity/tagging/tagNamespaces.ts'
import { description } from './identityFields.ts'
import { authorizedTagNamespace, toTagNamespace } from './tagNamespaceWire.ts'

const { freeformTags, definedTags } = updatableFields
/** The name stays: tags and people know it by that. */
const updateTagNamespaceDetails = v.object({
  description: v.nullish(description),
  isRetired: v.nullish(v.boolean()),
  freeformTags,
  definedTags,
})

export const updateTagNamespaceOperation = operation('UpdateTagNamespace', {
  input: updateTagNamespaceDetails,
  run: async (request, details) => {
    const namespace = await authorizedTagNamespace(request)
    await requireTagsTaken(request, details, namespace)
    const { tenancyId } = request.caller.principal
    const change = changedFields(details)
    const row = await updateTagNamespace(request.ports, tenancyId, request.mutation, namespace.id, change)
    return { body: toTagNamespace(row), headers: { etag: row.etag } }
  },
})
