import * as v from 'valibot'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { addUserToGroup } from '../../lib/kms/identity/memberships.ts'
import { authorizeMembership, toMembership } from './groupWire.ts'

const addUserToGroupDetails = v.object({ userId: ocid, groupId: ocid })

export const addUserToGroupOperation = operation('AddUserToGroup', {
  input: addUserToGroupDetails,
  run: async (request, details) => {
    const { tenancyId } = request.caller.principal
    await authorizeMembership(request, details)
    const row = await addUserToGroup(request.ports, tenancyId, request.mutation, details)
    return { body: toMembership(row, tenancyId), headers: { etag: row.etag } }
  },
})
