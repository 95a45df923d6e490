import { authorizedVault, authorizeMove } from '../../lib/http/authorize.ts'
import { changeCompartmentDetails } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { changeVaultCompartment } from '../../lib/kms/keys/changeCompartment.ts'

/** The vault's keys stay where they are (contract §4.1). */
export const changeVaultCompartmentOperation = operation('ChangeVaultCompartment', {
  input: changeCompartmentDetails,
  run: async (request, { compartmentId }) => {
    const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
    authorizeMove(request, compartmentId, vault)
    const row = await changeVaultCompartment(request.ports, request.mutation, vault, compartmentId)
    return { headers: { etag: row.etag } }
  },
})
