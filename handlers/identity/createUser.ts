import * as v from 'valibot'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, freeformTags, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createNamed } from '../../lib/kms/identity/namedRows.ts'
import { toUser } from './userWire.ts'
import { description, email, userName } from './identityFields.ts'
import { authorizedTenancy } from './tenancyWide.ts'

const createUserDetails = v.object({
  compartmentId: ocid,
  name: userName,
  description,
  email,
  freeformTags,
  definedTags,
})

export const createUserOperation = operation('CreateUser', {
  input: createUserDetails,
  run: async (request, { compartmentId, ...details }) => {
    const tenancyId = authorizedTenancy(request, compartmentId)
    const tagged = await withDefaultTags(request, compartmentId, details)
    const row = await createNamed(request.ports, tenancyId, request.mutation, 'user', tagged)
    return { body: toUser(row, tenancyId), headers: { etag: row.etag } }
  },
})
