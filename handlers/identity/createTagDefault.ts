import * as v from 'valibot'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createTagDefault } from '../../lib/kms/identity/tagging/tagDefaults.ts'
import { authorizeKeyOfDefault, isRequired, tagDefaultAnswer, tagValue } from './tagDefaultWire.ts'

const createTagDefaultDetails = v.object({ compartmentId: ocid, tagDefinitionId: ocid, value: tagValue, isRequired })

export const createTagDefaultOperation = operation('CreateTagDefault', {
  input: createTagDefaultDetails,
  run: async (request, { compartmentId, tagDefinitionId: tagId, value, isRequired: mustBeSaid }) => {
    authorizedCompartment(request, compartmentId)
    await authorizeKeyOfDefault(request, tagId)
    const { tenancyId } = request.caller.principal
    const input = { compartmentId, tagId, value, isRequired: mustBeSaid ?? false }
    return tagDefaultAnswer(request, await createTagDefault(request.ports, tenancyId, request.mutation, input))
  },
})
