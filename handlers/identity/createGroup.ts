import * as v from 'valibot'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createNamed } from '../../lib/kms/identity/namedRows.ts'
import { toGroup } from './groupWire.ts'
import { description, name } from './identityFields.ts'
import { authorizedTenancy } from './tenancyWide.ts'

const createGroupDetails = v.object({ compartmentId: ocid, name, description, freeformTags, definedTags })

export const createGroupOperation = operation('CreateGroup', {
  input: createGroupDetails,
  run: async (request, { compartmentId, ...details }) => {
    const tenancyId = authorizedTenancy(request, compartmentId)
    const tagged = await withDefaultTags(request, compartmentId, details)
    const row = await createNamed(request.ports, tenancyId, request.mutation, 'group', tagged)
    return { body: toGroup(row, tenancyId), headers: { etag: row.etag } }
  },
})
