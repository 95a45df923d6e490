import type { HttpPorts } from '../../lib/http/httpPorts.ts'
import type { ReplicationPorts } from '../../lib/replication/replicationPorts.ts'

/** How far replication is takes what was measured of it. */
export type KeysPorts = HttpPorts & Pick<ReplicationPorts, 'lag'>
