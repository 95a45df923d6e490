import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updateNamed } from '../../lib/kms/identity/namedRows.ts'
import { toUser } from './userWire.ts'
import { description, emailAddress } from './identityFields.ts'
import { authorizedNamed } from './tenancyWide.ts'

const { freeformTags, definedTags } = updatableFields
/** The name stays: policies and people know it by that. */
const updateUserDetails = v.object({
  description: v.nullish(description),
  email: v.nullish(emailAddress),
  freeformTags,
  definedTags,
})

export const updateUserOperation = operation('UpdateUser', {
  input: updateUserDetails,
  run: async (request, details) => {
    const standing = await authorizedNamed(request, 'user', request.parameters['userId'] ?? '')
    await requireTagsTaken(request, details, standing)
    const { tenancyId } = request.caller.principal
    const named = { kind: 'user', id: standing.id } as const
    const row = await updateNamed(request.ports, tenancyId, request.mutation, named, changedFields(details))
    return { body: toUser(row, tenancyId), headers: { etag: row.etag } }
  },
})
