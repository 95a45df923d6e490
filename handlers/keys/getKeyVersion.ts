import { notFoundOrForbidden } from '../../lib/errors.ts'
import { keyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { keyVersionOperation } from './keyOperation.ts'

export const getKeyVersionOperation = keyVersionOperation('GetKeyVersion', {
  run: async ({ ports, parameters }, loaded) => {
    const version = await keyVersion(ports, loaded, parameters['keyVersionId'] ?? '')
    if (version === undefined) throw notFoundOrForbidden()
    return version
  },
})
