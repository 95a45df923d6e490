import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'

/** Deleting a compartment asks every region. */
export type IdentityPorts = HttpPorts & ReplicationPorts
