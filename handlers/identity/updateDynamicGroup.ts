import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { updateNamed } from '../../lib/kms/identity/namedRows.ts'
import { toDynamicGroup } from './groupWire.ts'
import { description, matchingRule } from './identityFields.ts'
import { authorizedNamed } from './tenancyWide.ts'

const { freeformTags, definedTags } = updatableFields
/** The name stays: policies and people know it by that. */
const updateDynamicGroupDetails = v.object({
  description: v.nullish(description),
  matchingRule: v.nullish(matchingRule),
  freeformTags,
  definedTags,
})

export const updateDynamicGroupOperation = operation('UpdateDynamicGroup', {
  input: updateDynamicGroupDetails,
  run: async (request, details) => {
    const standing = await authorizedNamed(request, 'dynamicGroup', request.parameters['dynamicGroupId'] ?? '')
    await requireTagsTaken(request, details, standing)
    const { tenancyId } = request.caller.principal
    const named = { kind: 'dynamicGroup', id: standing.id } as const
    const row = await updateNamed(request.ports, tenancyId, request.mutation, named, changedFields(details))
    return { body: toDynamicGroup(row, tenancyId), headers: { etag: row.etag } }
  },
})
