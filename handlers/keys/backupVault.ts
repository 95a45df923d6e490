import * as v from 'valibot'
import { noteFinished } from '../../lib/kms/finishedWork.ts'
import { authorizedVault } from '../../lib/http/authorize.ts'
import { backupLocation } from '../../lib/http/backupFields.ts'
import { operation } from '../../lib/http/operation.ts'
import { backUpVault } from '../../lib/kms/backup/backUp.ts'
import { wantBackupKeys } from '../../lib/replication/tenancy/replicateBackupKeys.ts'
import type { KeysPorts } from './keysPorts.ts'
import { vaultAnswer } from '../vault/vaultOperation.ts'

const backupVaultDetails = v.object({
  backupLocation: v.nullish(backupLocation),
  isIncludeKeys: v.nullish(v.boolean(), false),
})

export const backupVaultOperation = operation<typeof backupVaultDetails, KeysPorts>('BackupVault', {
  input: backupVaultDetails,
  run: async (request, { backupLocation: place, isIncludeKeys }) => {
    const vault = await authorizedVault(request, request.parameters['vaultId'] ?? '')
    if (vault.row.primaryRegion === request.ports.region) await wantBackupKeys(request.ports, vault.row.tenancyId)
    const requested = { includesKeys: isIncludeKeys, ...(place == null ? {} : { place }) }
    const { row, workRequestId } = await backUpVault(request.ports, request.mutation, vault, requested)
    const { tenancyId, compartmentId, id: resourceId } = row
    const work = { tenancyId, compartmentId, operationType: 'BACKUP_VAULT', resourceId } as const
    await noteFinished(request.ports, workRequestId, work)
    return vaultAnswer(request, row, { 'opc-work-request-id': workRequestId })
  },
})
