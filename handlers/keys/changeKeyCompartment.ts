import { authorizedKey, authorizeMove } from '../../lib/http/authorize.ts'
import { changeCompartmentDetails } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { changeKeyCompartment } from '../../lib/kms/keys/changeCompartment.ts'

export const changeKeyCompartmentOperation = operation('ChangeKeyCompartment', {
  input: changeCompartmentDetails,
  run: async (request, { compartmentId }) => {
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    authorizeMove(request, compartmentId, loaded.vault, loaded.key)
    const row = await changeKeyCompartment(request.ports, request.mutation, loaded, compartmentId)
    return { headers: { etag: row.etag } }
  },
})
