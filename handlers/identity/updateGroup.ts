import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updateNamed } from '../../lib/kms/identity/namedRows.ts'
import { toGroup } from './groupWire.ts'
import { description } from './identityFields.ts'
import { authorizedNamed } from './tenancyWide.ts'

const { freeformTags, definedTags } = updatableFields
/** The name stays: policies and people know it by that. */
const updateGroupDetails = v.object({
  description: v.nullish(description),
  freeformTags,
  definedTags,
})

export const updateGroupOperation = operation('UpdateGroup', {
  input: updateGroupDetails,
  run: async (request, details) => {
    const standing = await authorizedNamed(request, 'group', request.parameters['groupId'] ?? '')
    await requireTagsTaken(request, details, standing)
    const { tenancyId } = request.caller.principal
    const named = { kind: 'group', id: standing.id } as const
    const row = await updateNamed(request.ports, tenancyId, request.mutation, named, changedFields(details))
    return { body: toGroup(row, tenancyId), headers: { etag: row.etag } }
  },
})
