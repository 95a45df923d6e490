import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'

/** How far replication is takes what was measured of it; saving a vault takes the tenancy's backup keys, from their home. */
export type KeysPorts = HttpPorts & ReplicationPorts
