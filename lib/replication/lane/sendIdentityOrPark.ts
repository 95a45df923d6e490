import type { ReplicationPorts } from '../replicationPorts.ts'
import { sendIdentity } from '../tenancy/replicateIdentity.ts'
import { park } from './parked.ts'

/** Sends a peer what it lacks of a tenancy's identity; where it cannot be reached, that waits for it. */
export async function sendIdentityOrPark(ports: ReplicationPorts, tenancyId: string, peer: string): Promise<void> {
  try {
    await sendIdentity(ports, tenancyId, peer)
  } catch (cause) {
    ports.log.warn('A peer cannot be reached; identity waits for it.', { peer, cause: String(cause) })
    await park(ports, peer, { kind: 'identity', tenancyId })
  }
}
