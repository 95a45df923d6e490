import { authorizedKey } from '../../lib/http/authorize.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { changeKey } from '../../lib/kms/keys/changeKey.ts'
import { toKey } from './keyWire.ts'

export const disableKeyOperation = bodyless('DisableKey', async (request) => {
  const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
  const row = await changeKey(request.ports, request.mutation, loaded, 'DisableKey', () => ({
    set: { lifecycleState: 'DISABLED' },
  }))
  return { body: toKey(request.ports, loaded.vault.row, row), headers: { etag: row.etag } }
})
