import * as v from 'valibot'
import { requireTagsTaken } from '../../lib/http/definedTags.ts'
import { changedFields, updatableFields } from '../../lib/http/fields.ts'
import { changedAutoRotation, requireRotatable, rotationReminders } from '../../lib/kms/keys/autoRotation.ts'
import { changeKey } from '../../lib/kms/keys/changeKey.ts'
import { keyOperation } from './keyOperation.ts'
import { rotationFields, requestedRotation } from './rotationFields.ts'

/** What is absent stays; a tag map that is present replaces the whole map. */
export const updateKeyOperation = keyOperation('UpdateKey', {
  input: v.object({ ...updatableFields, ...rotationFields }),
  run: async (request, loaded, { isAutoRotationEnabled, autoKeyRotationDetails, ...details }) => {
    const { ports, mutation } = request
    await requireTagsTaken(request, details, loaded.key)
    const requested = requestedRotation({ isAutoRotationEnabled, autoKeyRotationDetails })
    return changeKey(ports, mutation, loaded, 'UpdateKey', ({ vault, key }) => {
      const rotation = changedAutoRotation(vault.row, key, requested, ports.clock())
      requireRotatable(key, rotation)
      return { set: { ...changedFields(details), ...rotation }, also: rotationReminders(key, { ...key, ...rotation }) }
    })
  },
})
