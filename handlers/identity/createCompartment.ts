import * as v from 'valibot'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createCompartment } from '../../lib/kms/identity/compartments.ts'
import { mayInspect, toCompartment } from './compartmentWire.ts'
import { description, name } from './identityFields.ts'

const createCompartmentDetails = v.object({ compartmentId: ocid, name, description, freeformTags, definedTags })

export const createCompartmentOperation = operation('CreateCompartment', {
  input: createCompartmentDetails,
  run: async (request, details) => {
    authorizedCompartment(request, details.compartmentId)
    const { tenancyId } = request.caller.principal
    const tagged = await withDefaultTags(request, details.compartmentId, details)
    const row = await createCompartment(request.ports, tenancyId, request.mutation, tagged)
    // The caller's policies are those from before it was made: they reach it as they reach its parent.
    return { body: toCompartment(row, mayInspect(request, row.parentId)), headers: { etag: row.etag } }
  },
})
