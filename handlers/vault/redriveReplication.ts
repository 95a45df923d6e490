import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { redriveChanges } from '../../lib/replication/redriveChanges.ts'
import type { VaultPorts } from './vaultPorts.ts'

/** At most so many of each at once; whoever has more asks again. */
const limit = 1000

/** Our own operation, for administrators: has worked again what this region gave up of the caller's tenancy. */
export const redriveReplicationOperation = bodyless<VaultPorts>('RedriveReplication', async (request) => {
  const { ports, caller } = request
  const { tenancyId } = caller.principal
  authorizedCompartment(request, tenancyId)
  const changes = await redriveChanges(ports, limit, tenancyId)
  const messages = (await ports.deadMessages?.redrive(tenancyId, limit)) ?? 0
  request.target.details = { changes, messages }
  return { body: { changes, messages } }
})
