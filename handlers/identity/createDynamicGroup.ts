import * as v from 'valibot'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createNamed } from '../../lib/kms/identity/namedRows.ts'
import { toDynamicGroup } from './groupWire.ts'
import { description, matchingRule, name } from './identityFields.ts'
import { authorizedTenancy } from './tenancyWide.ts'

const createDynamicGroupDetails = v.object({
  compartmentId: ocid,
  name,
  description,
  matchingRule,
  freeformTags,
  definedTags,
})

export const createDynamicGroupOperation = operation('CreateDynamicGroup', {
  input: createDynamicGroupDetails,
  run: async (request, { compartmentId, ...details }) => {
    const tenancyId = authorizedTenancy(request, compartmentId)
    const tagged = await withDefaultTags(request, compartmentId, details)
    const row = await createNamed(request.ports, tenancyId, request.mutation, 'dynamicGroup', tagged)
    return { body: toDynamicGroup(row, tenancyId), headers: { etag: row.etag } }
  },
})
