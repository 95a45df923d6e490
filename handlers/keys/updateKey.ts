import * as v from 'valibot'
import { authorizedKey } from '../../lib/http/authorize.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { changedAutoRotation, rotationReminders } from '../../lib/kms/keys/autoRotation.ts'
import { changeKey } from '../../lib/kms/keys/changeKey.ts'
import { toKey } from './keyWire.ts'
import { rotationFields, rotationWish } from './rotationFields.ts'

/** What is absent stays; a tag map that is present replaces the whole map. */
export const updateKeyOperation = operation('UpdateKey', {
  input: v.object({ ...updatableFields, ...rotationFields }),
  run: async (request, { isAutoRotationEnabled, autoKeyRotationDetails, ...details }) => {
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    const wish = rotationWish({ isAutoRotationEnabled, autoKeyRotationDetails })
    const row = await changeKey(request.ports, request.mutation, loaded, 'UpdateKey', ({ vault, key }) => {
      const rotation = changedAutoRotation(vault.row, key, wish, request.ports.clock())
      return { set: { ...changedFields(details), ...rotation }, also: rotationReminders(key, { ...key, ...rotation }) }
    })
    return { body: toKey(request.ports, loaded.vault.row, row), headers: { etag: row.etag } }
  },
})
