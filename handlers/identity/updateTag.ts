import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updateTag } from '../../lib/kms/identity/tagging/tags.ts'
import { description } from './identityFields.ts'
import { authorizedTag, toTag, validator } from './tagWire.ts'

const { freeformTags, definedTags } = updatableFields
/** The name stays: tags and people know it by that. */
const updateTagDetails = v.object({
  description: v.nullish(description),
  isRetired: v.nullish(v.boolean()),
  isCostTracking: v.nullish(v.boolean()),
  validator: v.nullish(validator),
  freeformTags,
  definedTags,
})

export const updateTagOperation = operation('UpdateTag', {
  input: updateTagDetails,
  run: async (request, { validator: takes, ...details }) => {
    const { namespace, tag } = await authorizedTag(request)
    await requireTagsTaken(request, details, tag)
    const { tenancyId } = request.caller.principal
    const change = { ...changedFields(details), ...takes }
    const row = await updateTag(request.ports, tenancyId, request.mutation, tag.id, change)
    return { body: toTag(row, namespace), headers: { etag: row.etag } }
  },
})
