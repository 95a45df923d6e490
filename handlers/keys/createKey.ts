import * as v from 'valibot'
import { authorizedVaultForKey } from '../../lib/http/authorize.ts'
import { definedTags, displayName, freeformTags, keyShape, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { createKey } from '../../lib/kms/keys.ts'
import { toKey } from './keyWire.ts'

/** Automatic rotation comes with scheduled work; until then asking for it is refused, not ignored. */
export const isAutoRotationEnabled = v.nullish(
  v.literal(false, 'automatic rotation is not offered here yet; leave it out'),
)

const createKeyDetails = v.object({
  compartmentId: ocid,
  displayName,
  keyShape,
  protectionMode: v.nullish(v.picklist(['HSM', 'SOFTWARE']), 'HSM'),
  isAutoRotationEnabled,
  freeformTags,
  definedTags,
})

export const createKeyOperation = operation('CreateKey', {
  input: createKeyDetails,
  run: async (request, { keyShape: shape, isAutoRotationEnabled: _never, ...details }) => {
    const vault = await authorizedVaultForKey(request, details.compartmentId)
    const row = await createKey(request.ports, request.mutation, vault, { ...details, shape })
    return { body: toKey(request.ports, vault.row, row), headers: { etag: row.etag } }
  },
})
