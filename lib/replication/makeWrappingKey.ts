import { wrappingKey } from '../kms/vaults/wrappingKey.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** Prepares the wrapping key of a vault that stands here, so that GetWrappingKey finds it. */
export async function makeWrappingKey(ports: ReplicationPorts, vaultId: string): Promise<void> {
  const vault = await ports.cache.freshVault(vaultId)
  if (vault?.row.primaryRegion !== ports.region || vault.row.lifecycleState !== 'ACTIVE') return
  await wrappingKey(ports, vault)
}
