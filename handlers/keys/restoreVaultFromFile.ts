import { requiredOcid } from '../../lib/http/fields.ts'
import { restoredFile } from '../../lib/http/backupFields.ts'
import { fileOperation } from '../../lib/http/operation.ts'
import { restore } from './restoreVault.ts'
import type { KeysPorts } from './keysPorts.ts'

export const restoreVaultFromFileOperation = fileOperation<KeysPorts>('RestoreVaultFromFile', async (request, body) => {
  const compartmentId = requiredOcid(request.query, 'compartmentId')
  const { text, md5 } = restoredFile(request, body)
  const answer = await restore(request, compartmentId, async () => text)
  return { ...answer, headers: { ...answer.headers, 'opc-content-md5': md5 } }
})
