import type { JsonObject } from '../../lib/canonicalJson.ts'
import { authorizedVault } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { proofOfArrival } from '../../lib/replication/proofOfArrival.ts'

/** Our own operation: the proof that a change has arrived in the replica, to be kept and checked offline. */
export const getReplicationReceiptOperation = bodyless('GetReplicationReceipt', async (request) => {
  const vault = await authorizedVault(request, request.vaultId)
  const proof = await proofOfArrival(request.ports, vault, request.parameters['replicationId'] ?? '')
  return { body: proof as unknown as JsonObject }
})
