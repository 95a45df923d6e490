import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updateCompartment } from '../../lib/kms/identity/compartments.ts'
import { accessibleCompartments, authorizedCompartmentRow, toCompartment } from './compartmentWire.ts'
import { description, name } from './identityFields.ts'

const { freeformTags, definedTags } = updatableFields
const updateCompartmentDetails = v.object({
  name: v.nullish(name),
  description: v.nullish(description),
  freeformTags,
  definedTags,
})

export const updateCompartmentOperation = operation('UpdateCompartment', {
  input: updateCompartmentDetails,
  run: async (request, details) => {
    const standing = await authorizedCompartmentRow(request)
    if (standing.parentId !== null) await requireTagsTaken(request, details, standing)
    const { id } = standing
    const { tenancyId } = request.caller.principal
    const row = await updateCompartment(request.ports, tenancyId, request.mutation, id, changedFields(details))
    const accessible = await accessibleCompartments(request)
    return { body: toCompartment(row, accessible.has(id)), headers: { etag: row.etag } }
  },
})
