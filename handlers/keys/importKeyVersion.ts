import * as v from 'valibot'
import { authorizedKey } from '../../lib/http/authorize.ts'
import { operation } from '../../lib/http/operation.ts'
import { importMaterial } from '../../lib/kms/keys/importMaterial.ts'
import { createKeyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { toKeyVersion } from './keyWire.ts'
import { wrappedImportKey } from './wrappedImportKey.ts'

export const importKeyVersionOperation = operation('ImportKeyVersion', {
  input: v.object({ wrappedImportKey }),
  run: async (request, { wrappedImportKey: brought }) => {
    const { ports, mutation } = request
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    const version = await createKeyVersion(ports, mutation, loaded, {
      operation: 'ImportKeyVersion',
      make: importMaterial(ports, brought),
    })
    return { body: toKeyVersion(ports, loaded, version), headers: { etag: version.etag } }
  },
})
