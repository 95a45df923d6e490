import { reconcile } from '../../lib/replication/reconcile.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'

/** Called once a minute: finds and sends what a replica has not acknowledged. */
export function reconcileFunction(ports: ReplicationPorts): () => Promise<void> {
  return () => reconcile(ports)
}
