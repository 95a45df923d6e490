import * as v from 'valibot'
import { authorizedVault, requireServicePolicy } from '../../lib/http/authorize.ts'
import { operation, type Operation } from '../../lib/http/operation.ts'
import type { createVaultReplica } from '../../lib/replication/link/links.ts'
import type { VaultPorts } from './vaultPorts.ts'

const regionDetails = v.object({ replicaRegion: v.pipe(v.string(), v.maxLength(64, 'at most 64 characters')) })

/** Begins what ends later: 202 and no body. */
export function replicaOperation(
  id: 'CreateVaultReplica' | 'DeleteVaultReplica',
  change: typeof createVaultReplica,
): Operation<VaultPorts> {
  return operation<typeof regionDetails, VaultPorts>(id, {
    input: regionDetails,
    run: async (request, { replicaRegion }) => {
      const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
      requireServicePolicy(request, vault)
      await change(request.ports, request.mutation, vault, replicaRegion)
      return { status: 202 }
    },
  })
}
