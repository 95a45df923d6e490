import * as v from 'valibot'
import { createKeyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { keyVersionOperation } from './keyOperation.ts'

/** Its one member belongs to external keys, which this service does not hold. */
const createKeyVersionDetails = v.object({
  externalKeyVersionId: v.nullish(v.never('only an EXTERNAL key has one; leave it out')),
})

export const createKeyVersionOperation = keyVersionOperation('CreateKeyVersion', {
  input: createKeyVersionDetails,
  run: ({ ports, mutation }, loaded) => createKeyVersion(ports, mutation, loaded),
})
