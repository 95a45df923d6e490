import * as v from 'valibot'
import { authorizedKey } from '../../lib/http/authorize.ts'
import { operation } from '../../lib/http/operation.ts'
import { createKeyVersion } from '../../lib/kms/keys/keyVersions.ts'
import { toKeyVersion } from './keyWire.ts'

/** Its one member belongs to external keys, which this service does not hold. */
const createKeyVersionDetails = v.object({
  externalKeyVersionId: v.nullish(v.never('only an EXTERNAL key has one; leave it out')),
})

export const createKeyVersionOperation = operation('CreateKeyVersion', {
  input: createKeyVersionDetails,
  run: async (request) => {
    const loaded = await authorizedKey(request, request.parameters['keyId'] ?? '')
    const version = await createKeyVersion(request.ports, request.mutation, loaded)
    return { body: toKeyVersion(request.ports, loaded, version), headers: { etag: version.etag } }
  },
})
