import { hash } from 'node:crypto'
import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { replicationStatus } from '../../lib/replication/status.ts'

/** The status is computed and has no row, so its etag is a digest of what is answered. */
export const getReplicationStatusOperation = bodyless('GetReplicationStatus', async (request) => {
  const vault = await authorizedVault(request, request.vaultId)
  const found = await replicationStatus(request.ports, vault, request.parameters['replicationId'] ?? '')
  const body = { replicaDetails: found.map((each) => ({ ...each })) }
  return { body, headers: { etag: hash('sha1', JSON.stringify(body)) } }
})
