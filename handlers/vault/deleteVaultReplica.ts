import { deleteVaultReplica } from '../../lib/replication/link/links.ts'
import { replicaOperation } from './replicaOperation.ts'

export const deleteVaultReplicaOperation = replicaOperation('DeleteVaultReplica', deleteVaultReplica)
