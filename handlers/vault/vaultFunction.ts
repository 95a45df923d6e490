import { httpFunction, type HttpFunction } from '../../lib/http/httpFunction.ts'
import { createVaultOperation } from './createVault.ts'
import { createVaultReplicaOperation } from './createVaultReplica.ts'
import { deleteVaultReplicaOperation } from './deleteVaultReplica.ts'
import { getVaultOperation } from './getVault.ts'
import { listVaultReplicasOperation } from './listVaultReplicas.ts'
import { listVaultsOperation } from './listVaults.ts'
import { updateVaultOperation } from './updateVault.ts'
import type { VaultPorts } from './vaultPorts.ts'

/** KmsVault, and the answer to paths that no operation has. */
export function vaultFunction(ports: VaultPorts): HttpFunction {
  return httpFunction<VaultPorts>(ports, [
    createVaultOperation,
    getVaultOperation,
    listVaultsOperation,
    updateVaultOperation,
    createVaultReplicaOperation,
    deleteVaultReplicaOperation,
    listVaultReplicasOperation,
  ])
}
