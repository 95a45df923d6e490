import { noteFinished } from '../../lib/kms/finishedWork.ts'
import { authorizeRestore, authorizeSomewhere, vaultForRestore } from '../../lib/http/authorize.ts'
import type { Answer, Request } from '../../lib/http/operation.ts'
import { workRequest } from '../../lib/kms/backup/backUp.ts'
import { openKeyBackup, restoreKeyBackup } from '../../lib/kms/backup/restoreKeyBackup.ts'
import { activeIds } from '../../lib/kms/identity/compartmentContents.ts'
import { keyAnswer } from './keyOperation.ts'

/** What both ways to restore a key do alike. */
export async function restore(request: Request, read: () => Promise<string>): Promise<Answer> {
  const { ports, mutation, caller } = request
  const { compartments } = await ports.identity.tenancy(caller.principal.tenancyId)
  authorizeSomewhere(
    request,
    compartments.map(({ id }) => id),
  )
  const vault = await vaultForRestore(request)
  const backup = openKeyBackup(vault, await read())
  const active = activeIds(compartments)
  const compartmentFor = (id: string) => (active.has(id) ? id : vault.row.compartmentId)
  const requireRight = (compartmentId: string) => {
    authorizeRestore(request, compartmentId, vault)
  }
  const row = await restoreKeyBackup(ports, mutation, vault, backup, { compartmentFor, requireRight })
  const workRequestId = workRequest(ports, mutation)
  const { tenancyId } = vault.row
  const about = { tenancyId, compartmentId: row.compartmentId, resourceId: row.id }
  await noteFinished(ports, workRequestId, { ...about, operationType: 'RESTORE_KEY' })
  return keyAnswer(request, vault.row, row, { 'opc-work-request-id': workRequestId })
}
