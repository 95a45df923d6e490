import * as v from 'valibot'
import { operation } from '../../lib/http/operation.ts'
import { updateTagDefault } from '../../lib/kms/identity/tagging/tagDefaults.ts'
import {
  authorizedTagDefault,
  authorizeKeyOfDefault,
  isRequired,
  tagDefaultAnswer,
  tagValue,
} from './tagDefaultWire.ts'

const updateTagDefaultDetails = v.object({ value: tagValue, isRequired })

export const updateTagDefaultOperation = operation('UpdateTagDefault', {
  input: updateTagDefaultDetails,
  run: async (request, { value, isRequired: mustBeSaid }) => {
    const { id, tagId } = await authorizedTagDefault(request)
    await authorizeKeyOfDefault(request, tagId)
    const { tenancyId } = request.caller.principal
    const change = { value, ...(mustBeSaid == null ? {} : { isRequired: mustBeSaid }) }
    return tagDefaultAnswer(request, await updateTagDefault(request.ports, tenancyId, request.mutation, id, change))
  },
})
