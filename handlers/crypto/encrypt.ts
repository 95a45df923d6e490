import * as v from 'valibot'
import { authorizedKeyForCrypto } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { encrypt } from '../../lib/kms/keys/useKey.ts'
import {
  associatedData,
  chosen,
  encryptionAlgorithm,
  keyVersionId,
  loggingContext,
  noteContext,
  plaintext,
} from './cryptoFields.ts'

const encryptDataDetails = v.object({
  keyId: ocid,
  plaintext,
  keyVersionId,
  encryptionAlgorithm,
  associatedData,
  loggingContext,
})

export const encryptOperation = operation('Encrypt', {
  input: encryptDataDetails,
  run: async (request, details) => {
    noteContext(request, details.loggingContext)
    try {
      const found = authorizedKeyForCrypto(request, details.keyId)
      const loaded = found instanceof Promise ? await found : found
      const input = { plaintext: details.plaintext, associatedData: details.associatedData, ...chosen(details) }
      const { version, algorithm, bytes } = await encrypt(request.ports, loaded, input)
      const { keyId, id } = version
      return { body: { ciphertext: bytes.toString('base64'), keyId, keyVersionId: id, encryptionAlgorithm: algorithm } }
    } finally {
      details.plaintext.fill(0)
    }
  },
})
