import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'

/** Making and deleting replicas takes both. */
export type VaultPorts = HttpPorts & ReplicationPorts
