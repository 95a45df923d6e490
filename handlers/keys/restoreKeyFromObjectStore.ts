import * as v from 'valibot'
import { backupAt, backupLocation } from '../../lib/http/backupFields.ts'
import { operation } from '../../lib/http/operation.ts'
import { restore } from './restoreKey.ts'

export const restoreKeyFromObjectStoreOperation = operation('RestoreKeyFromObjectStore', {
  input: v.object({ backupLocation: v.nullish(backupLocation) }),
  run: (request, { backupLocation: place }) => restore(request, () => backupAt(request, place)),
})
