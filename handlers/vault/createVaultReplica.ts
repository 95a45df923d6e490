import * as v from 'valibot'
import { authorizedVault, requireServicePolicy } from '../../lib/http/authorize.ts'
import { operation } from '../../lib/http/operation.ts'
import { createVaultReplica } from '../../lib/replication/link/links.ts'
import type { VaultPorts } from './vaultPorts.ts'

export const regionDetails = v.object({ replicaRegion: v.pipe(v.string(), v.maxLength(64, 'at most 64 characters')) })

export const createVaultReplicaOperation = operation<typeof regionDetails, VaultPorts>('CreateVaultReplica', {
  input: regionDetails,
  run: async (request, { replicaRegion }) => {
    const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
    requireServicePolicy(request, vault)
    await createVaultReplica(request.ports, request.mutation, vault, replicaRegion)
    return { status: 202 }
  },
})
