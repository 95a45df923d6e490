import * as v from 'valibot'
import { importMaterial } from '../../lib/kms/keys/importMaterial.ts'
import { createKeyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { keyVersionOperation } from './keyOperation.ts'
import { wrappedImportKey } from './wrappedImportKey.ts'

export const importKeyVersionOperation = keyVersionOperation('ImportKeyVersion', {
  input: v.object({ wrappedImportKey }),
  run: ({ ports, mutation }, loaded, { wrappedImportKey: brought }) => {
    const make = importMaterial(ports, brought)
    return createKeyVersion(ports, mutation, loaded, { operation: 'ImportKeyVersion', make })
  },
})
