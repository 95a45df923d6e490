import * as v from 'valibot'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createTagNamespace } from '../../lib/kms/identity/tagging/tagNamespaces.ts'
import { description, tagNamespaceName } from './identityFields.ts'
import { toTagNamespace } from './tagNamespaceWire.ts'

const createTagNamespaceDetails = v.object({
  compartmentId: ocid,
  name: tagNamespaceName,
  description,
  freeformTags,
  definedTags,
})

export const createTagNamespaceOperation = operation('CreateTagNamespace', {
  input: createTagNamespaceDetails,
  run: async (request, details) => {
    authorizedCompartment(request, details.compartmentId)
    const { tenancyId } = request.caller.principal
    const tagged = await withDefaultTags(request, details.compartmentId, details)
    const row = await createTagNamespace(request.ports, tenancyId, request.mutation, tagged)
    return { body: toTagNamespace(row), headers: { etag: row.etag } }
  },
})
