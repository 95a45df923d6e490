import * as v from 'valibot'
import { authorizedKeyForCrypto } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { decrypt, plaintextChecksum } from '../../lib/kms/keys/useKey.ts'
import {
  associatedData,
  chosen,
  ciphertext,
  encryptionAlgorithm,
  keyVersionId,
  loggingContext,
  noteContext,
} from './cryptoFields.ts'

const decryptDataDetails = v.object({
  keyId: ocid,
  ciphertext,
  keyVersionId,
  encryptionAlgorithm,
  associatedData,
  loggingContext,
})

export const decryptOperation = operation('Decrypt', {
  input: decryptDataDetails,
  run: async (request, details) => {
    noteContext(request, details.loggingContext)
    const loaded = await authorizedKeyForCrypto(request, details.keyId)
    const input = { ciphertext: details.ciphertext, associatedData: details.associatedData, ...chosen(details) }
    const { version, algorithm, bytes } = await decrypt(request.ports, loaded, input)
    const body = {
      plaintext: bytes.toString('base64'),
      plaintextChecksum: plaintextChecksum(bytes),
      keyId: version.keyId,
      keyVersionId: version.id,
      encryptionAlgorithm: algorithm,
    }
    bytes.fill(0)
    return { body }
  },
})
