import * as v from 'valibot'
import { noteFinished } from '../../lib/kms/finishedWork.ts'
import { authorizedKey } from '../../lib/http/authorize.ts'
import { backupLocation } from '../../lib/http/backupFields.ts'
import { operation } from '../../lib/http/operation.ts'
import { backUpKey } from '../../lib/kms/backup/backUp.ts'
import { keyAnswer } from './keyOperation.ts'

export const backupKeyOperation = operation('BackupKey', {
  input: v.object({ backupLocation: v.nullish(backupLocation) }),
  run: async (request, { backupLocation: place }) => {
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    const requested = place == null ? {} : { place }
    const { row, workRequestId } = await backUpKey(request.ports, request.mutation, loaded, requested)
    const { tenancyId } = loaded.vault.row
    const { compartmentId, id: resourceId } = row
    const work = { tenancyId, compartmentId, operationType: 'BACKUP_KEY', resourceId } as const
    await noteFinished(request.ports, workRequestId, work)
    return keyAnswer(request, loaded.vault.row, row, { 'opc-work-request-id': workRequestId })
  },
})
