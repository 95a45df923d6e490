import * as v from 'valibot'
import { authorizedKeyForCrypto } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { wrappingSchemes } from '../../lib/hsm/algorithms.ts'
import { operation } from '../../lib/http/operation.ts'
import { exportKey } from '../../lib/kms/keys/useKey.ts'
import { keyVersionId, loggingContext, noteContext } from './cryptoFields.ts'

const exportKeyDetails = v.object({
  keyId: ocid,
  algorithm: v.picklist(wrappingSchemes),
  publicKey: v.pipe(v.string(), v.minLength(1, 'a PEM public key'), v.maxLength(4096, 'at most 4096 characters')),
  keyVersionId,
  loggingContext,
})

export const exportKeyOperation = operation('ExportKey', {
  input: exportKeyDetails,
  run: async (request, { keyId, algorithm, publicKey, ...details }) => {
    noteContext(request, details.loggingContext)
    const loaded = await authorizedKeyForCrypto(request, keyId)
    const input = {
      scheme: algorithm,
      publicKey,
      ...(details.keyVersionId == null ? {} : { keyVersionId: details.keyVersionId }),
    }
    const { version, bytes } = await exportKey(request.ports, loaded, input)
    const { id, keyId: of, vaultId, timeCreated } = version
    const body = {
      keyVersionId: id,
      keyId: of,
      vaultId,
      timeCreated,
      encryptedKey: bytes.toString('base64'),
      algorithm,
    }
    return { body }
  },
})
