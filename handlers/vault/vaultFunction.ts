import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import { cancelVaultDeletionOperation } from './cancelVaultDeletion.ts'
import { changeVaultCompartmentOperation } from './changeVaultCompartment.ts'
import { createVaultOperation } from './createVault.ts'
import { createVaultReplicaOperation } from './createVaultReplica.ts'
import { deleteVaultReplicaOperation } from './deleteVaultReplica.ts'
import { getVaultOperation } from './getVault.ts'
import { getVaultUsageOperation } from './getVaultUsage.ts'
import { listKeyVersionUsageOperation } from './listKeyVersionUsage.ts'
import { listVaultReplicasOperation } from './listVaultReplicas.ts'
import { listVaultsOperation } from './listVaults.ts'
import { redriveReplicationOperation } from './redriveReplication.ts'
import { scheduleVaultDeletionOperation } from './scheduleVaultDeletion.ts'
import { updateVaultOperation } from './updateVault.ts'
import type { VaultPorts } from './vaultPorts.ts'

/** KmsVault but for what opens a vault's keys, and the answer to paths that no operation has. */
export function vaultFunction(ports: VaultPorts): HttpFunction {
  return httpFunction<VaultPorts>('vault', ports, [
    createVaultOperation,
    getVaultOperation,
    listVaultsOperation,
    updateVaultOperation,
    scheduleVaultDeletionOperation,
    cancelVaultDeletionOperation,
    changeVaultCompartmentOperation,
    getVaultUsageOperation,
    listKeyVersionUsageOperation,
    createVaultReplicaOperation,
    deleteVaultReplicaOperation,
    listVaultReplicasOperation,
    redriveReplicationOperation,
  ])
}
