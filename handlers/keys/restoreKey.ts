import { authorizedRestore, authorizeSomewhere } from '../../lib/http/authorize.ts'
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
  const backup = openKeyBackup(await read())
  const active = activeIds(compartments)
  const vault = await authorizedRestore(request, (row) =>
    active.has(backup.saved.key.compartmentId) ? backup.saved.key.compartmentId : row.compartmentId,
  )
  const compartmentFor = (id: string) => (active.has(id) ? id : vault.row.compartmentId)
  const row = await restoreKeyBackup(ports, mutation, vault, backup, compartmentFor)
  return keyAnswer(request, vault.row, row, { 'opc-work-request-id': workRequest(ports, mutation) })
}
