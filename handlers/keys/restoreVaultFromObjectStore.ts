import * as v from 'valibot'
import { backupAt, backupLocation } from '../../lib/http/backupFields.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { restore } from './restoreVault.ts'
import type { KeysPorts } from './keysPorts.ts'

const restoreDetails = v.object({ backupLocation: v.nullish(backupLocation) })

export const restoreVaultFromObjectStoreOperation = operation<typeof restoreDetails, KeysPorts>(
  'RestoreVaultFromObjectStore',
  {
    input: restoreDetails,
    run: (request, { backupLocation: place }) => {
      const compartmentId = requiredOcid(request.query, 'compartmentId')
      return restore(request, compartmentId, () => backupAt(request, place))
    },
  },
)
