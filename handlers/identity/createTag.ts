import * as v from 'valibot'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createTag } from '../../lib/kms/identity/tagging/tags.ts'
import { description, tagName } from './identityFields.ts'
import { authorizedTagNamespace } from './tagNamespaceWire.ts'
import { toTag, validator } from './tagWire.ts'

const createTagDetails = v.object({
  name: tagName,
  description,
  isCostTracking: v.nullish(v.boolean(), false),
  validator: v.nullish(validator),
  freeformTags,
  definedTags,
})

export const createTagOperation = operation('CreateTag', {
  input: createTagDetails,
  run: async (request, { validator: takes, ...details }) => {
    const namespace = await authorizedTagNamespace(request)
    const tagged = await withDefaultTags(request, namespace.compartmentId, details)
    const input = { ...tagged, tagNamespaceId: namespace.id, values: takes?.values ?? null }
    const { tenancyId } = request.caller.principal
    const row = await createTag(request.ports, tenancyId, request.mutation, namespace, input)
    return { body: toTag(row, namespace), headers: { etag: row.etag } }
  },
})
