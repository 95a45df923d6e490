import { restoredFile } from '../../lib/http/backupFields.ts'
import { fileOperation } from '../../lib/http/operation.ts'
import { restore } from './restoreKey.ts'

export const restoreKeyFromFileOperation = fileOperation('RestoreKeyFromFile', async (request, body) => {
  const { text, md5 } = restoredFile(request, body)
  const answer = await restore(request, async () => text)
  return { ...answer, headers: { ...answer.headers, 'opc-content-md5': md5 } }
})
