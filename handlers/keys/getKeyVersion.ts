import { notFoundOrForbidden } from '../../lib/errors.ts'
import { keyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { keyVersionOperation } from './keyOperation.ts'

export const getKeyVersionOperation = keyVersionOperation('GetKeyVersion', {
  run: async ({ ports, parameters }, loaded) => {
    const keyVersionId = parameters['keyVersionId'] ?? ''
    const version = await keyVersion(ports, loaded, keyVersionId)
    if (version === undefined) {
      throw notFoundOrForbidden({ name: 'noSuchKeyVersion', keyVersionId, keyId: loaded.key.id })
    }
    return version
  },
})
