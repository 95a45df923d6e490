import type { Vault } from '../../kms/vaultCache.ts'
import { markAtRisk } from '../atRisk.ts'
import type { ReplicationPorts } from '../replicationPorts.ts'
import { callDrain } from './peerLane.ts'

/** Leaves a vault's own row, or one of its keys, to the lane of the peer that cannot be given it. */
export async function owe(ports: ReplicationPorts, vault: Vault, peer: string, id: string): Promise<void> {
  const key = id === vault.row.id ? undefined : await ports.cache.freshKey(vault.keys, id)
  await markAtRisk(ports.tables, vault, peer, key ?? vault.row, ports.clock())
  await callDrain(ports, peer)
}
