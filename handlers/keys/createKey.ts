import * as v from 'valibot'
import { protectionModes } from '../../lib/hsm/algorithms.ts'
import { authorizedVaultForKey } from '../../lib/http/authorize.ts'
import { withDefaultTags } from '../../lib/http/definedTags.ts'
import { definedTags, displayName, freeformTags, keyShape, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createKey } from '../../lib/kms/keys/createKey.ts'
import { keyAnswer } from './keyOperation.ts'
import { rotationFields, requestedRotation } from './rotationFields.ts'

const createKeyDetails = v.object({
  compartmentId: ocid,
  displayName,
  keyShape,
  protectionMode: v.nullish(v.picklist(protectionModes), 'HSM'),
  ...rotationFields,
  freeformTags,
  definedTags,
})

export const createKeyOperation = operation('CreateKey', {
  input: createKeyDetails,
  run: async (request, { keyShape: shape, isAutoRotationEnabled, autoKeyRotationDetails, ...details }) => {
    const vault = await authorizedVaultForKey(request, details.compartmentId)
    const rotation = requestedRotation({ isAutoRotationEnabled, autoKeyRotationDetails })
    const tagged = await withDefaultTags(request, details.compartmentId, details)
    const row = await createKey(request.ports, request.mutation, vault, { ...tagged, shape, rotation })
    return keyAnswer(request, vault.row, row)
  },
})
