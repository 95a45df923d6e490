import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { listRequest } from '../../lib/http/paging.ts'
import { requireMatch } from '../../lib/kms/ifMatch.ts'

/** A vault has at most one replica, so there is never a second page; the replica answers as its primary does. */
export const listVaultReplicasOperation = bodyless('ListVaultReplicas', async (request) => {
  listRequest(request)
  const { row } = await authorizedVault(request, request.parameters['vaultId'] ?? '')
  requireMatch(request.mutation, row.etag)
  // A deleted vault's replica is deleted with it.
  const isGone = row.lifecycleState === 'DELETED' || row.replicaRegion === null || row.replicaStatus === null
  if (isGone) return { body: [], headers: { etag: row.etag } }
  const { management, crypto } = await request.ports.endpoints.of(row, row.replicaRegion)
  const replica = {
    region: row.replicaRegion,
    status: row.replicaStatus,
    managementEndpoint: management,
    cryptoEndpoint: crypto,
  }
  return { body: [replica], headers: { etag: row.etag } }
})
