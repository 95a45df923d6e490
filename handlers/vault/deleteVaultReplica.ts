import { authorizedVault, requireServicePolicy } from '../../lib/http/authorize.ts'
import { operation } from '../../lib/http/operation.ts'
import { deleteVaultReplica } from '../../lib/replication/link/links.ts'
import { regionDetails } from './createVaultReplica.ts'
import type { VaultPorts } from './vaultPorts.ts'

export const deleteVaultReplicaOperation = operation<typeof regionDetails, VaultPorts>('DeleteVaultReplica', {
  input: regionDetails,
  run: async (request, { replicaRegion }) => {
    const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
    requireServicePolicy(request, vault)
    await deleteVaultReplica(request.ports, request.mutation, vault, replicaRegion)
    return { status: 202 }
  },
})
