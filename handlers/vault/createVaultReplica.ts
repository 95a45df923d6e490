import { createVaultReplica } from '../../lib/replication/link/links.ts'
import { replicaOperation } from './replicaOperation.ts'

export const createVaultReplicaOperation = replicaOperation('CreateVaultReplica', createVaultReplica)
