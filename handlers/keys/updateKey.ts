import * as v from 'valibot'
import { authorizedKey } from '../../lib/http/authorize.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { changeKey } from '../../lib/kms/keys.ts'
import { isAutoRotationEnabled } from './createKey.ts'
import { toKey } from './keyWire.ts'

/** What is absent stays; a tag map that is present replaces the whole map. */
export const updateKeyOperation = operation('UpdateKey', {
  input: v.object({ ...updatableFields, isAutoRotationEnabled }),
  run: async (request, { isAutoRotationEnabled: _never, ...details }) => {
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    const row = await changeKey(request.ports, request.mutation, loaded, 'UpdateKey', changedFields(details))
    return { body: toKey(request.ports, loaded.vault.row, row), headers: { etag: row.etag } }
  },
})
