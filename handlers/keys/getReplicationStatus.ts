import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { replicationStatus } from '../../lib/replication/status.ts'

export const getReplicationStatusOperation = bodyless('GetReplicationStatus', async (request) => {
  const vault = await authorizedVault(request, request.vaultId)
  const replicaDetails = await replicationStatus(request.ports, vault, request.parameters['replicationId'] ?? '')
  return { body: { replicaDetails: replicaDetails.map((each) => ({ ...each })) } }
})
