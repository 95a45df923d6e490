import { noteFinished } from '../../lib/kms/finishedWork.ts'
import { authorizedCompartment, authorizeRestore } from '../../lib/http/authorize.ts'
import type { Answer, Request } from '../../lib/http/operation.ts'
import { workRequest } from '../../lib/kms/backup/backUp.ts'
import { restoreVault } from '../../lib/kms/backup/restoreVault.ts'
import { activeIds } from '../../lib/kms/identity/compartmentContents.ts'
import { wantBackupKeys } from '../../lib/replication/tenancy/replicateBackupKeys.ts'
import type { KeysPorts } from './keysPorts.ts'
import { vaultAnswer } from '../vault/vaultOperation.ts'

/** What both ways to restore a vault do alike; the file is read only for those who may. */
export async function restore(
  request: Request<KeysPorts>,
  compartmentId: string,
  read: () => Promise<string>,
): Promise<Answer> {
  const { ports, mutation, caller } = request
  authorizedCompartment(request, compartmentId)
  const { tenancyId } = caller.principal
  await wantBackupKeys(ports, tenancyId)
  const { compartments } = await ports.identity.tenancy(tenancyId)
  const row = await restoreVault(ports, mutation, {
    tenancyId,
    compartmentId,
    compartmentIds: compartments.map(({ id }) => id),
    active: activeIds(compartments),
    requireRight: (id) => {
      authorizeRestore(request, id)
    },
    text: await read(),
  })
  const workRequestId = workRequest(ports, mutation)
  const about = { tenancyId, compartmentId: row.compartmentId, resourceId: row.id }
  await noteFinished(ports, workRequestId, { ...about, operationType: 'RESTORE_VAULT' })
  return vaultAnswer(request, row, { 'opc-work-request-id': workRequestId })
}
