import * as v from 'valibot'
import { authorizedKeyForCrypto } from '../../lib/http/authorize.ts'
import { keyShapeOf, ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { generateDataEncryptionKey, plaintextChecksum } from '../../lib/kms/keys/useKey.ts'
import { associatedData, loggingContext, noteContext } from './cryptoFields.ts'

const generateKeyDetails = v.object({
  keyId: ocid,
  includePlaintextKey: v.boolean(),
  keyShape: keyShapeOf(['AES']),
  associatedData,
  loggingContext,
})

export const generateDataEncryptionKeyOperation = operation('GenerateDataEncryptionKey', {
  input: generateKeyDetails,
  run: async (request, details) => {
    noteContext(request, details.loggingContext)
    const isIncluded = details.includePlaintextKey
    const loaded = await authorizedKeyForCrypto(request, details.keyId, {
      'request.includePlainTextKey': String(isIncluded),
    })
    const input = { shape: details.keyShape, associatedData: details.associatedData }
    const { bytes, plaintext } = await generateDataEncryptionKey(request.ports, loaded, input)
    const body = {
      ciphertext: bytes.toString('base64'),
      plaintext: isIncluded ? plaintext.toString('base64') : null,
      plaintextChecksum: isIncluded ? plaintextChecksum(plaintext) : null,
    }
    plaintext.fill(0)
    return { body }
  },
})
