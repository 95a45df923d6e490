import * as v from 'valibot'
import { protectionModes } from '../../lib/hsm/algorithms.ts'
import { authorizedVaultForKey } from '../../lib/http/authorize.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, displayName, freeformTags, keyShapeOf, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createKey } from '../../lib/kms/keys/createKey.ts'
import { importMaterial } from '../../lib/kms/keys/importMaterial.ts'
import { keyAnswer } from './keyOperation.ts'
import { rotationFields, requestedRotation } from './rotationFields.ts'
import { wrappedImportKey } from './wrappedImportKey.ts'

const importKeyDetails = v.object({
  compartmentId: ocid,
  displayName,
  keyShape: keyShapeOf(['AES', 'RSA']),
  protectionMode: v.nullish(v.picklist(protectionModes), 'HSM'),
  wrappedImportKey,
  ...rotationFields,
  freeformTags,
  definedTags,
})

export const importKeyOperation = operation('ImportKey', {
  input: importKeyDetails,
  run: async (request, { keyShape: shape, wrappedImportKey: brought, ...rest }) => {
    const { isAutoRotationEnabled, autoKeyRotationDetails, ...details } = rest
    const vault = await authorizedVaultForKey(request, details.compartmentId)
    const rotation = requestedRotation({ isAutoRotationEnabled, autoKeyRotationDetails })
    const input = { ...(await withDefaultTags(request, details.compartmentId, details)), shape, rotation }
    const row = await createKey(request.ports, request.mutation, vault, input, importMaterial(request.ports, brought))
    return keyAnswer(request, vault.row, row)
  },
})
