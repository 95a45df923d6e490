import * as v from 'valibot'
import { authorizedKeyForCrypto } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { sign } from '../../lib/kms/keys/useKey.ts'
import {
  chosen,
  keyVersionId,
  loggingContext,
  message,
  messageType,
  noteContext,
  signingAlgorithm,
} from './cryptoFields.ts'

const signDataDetails = v.object({ keyId: ocid, message, signingAlgorithm, messageType, keyVersionId, loggingContext })

export const signOperation = operation('Sign', {
  input: signDataDetails,
  run: async (request, details) => {
    noteContext(request, details.loggingContext)
    const loaded = await authorizedKeyForCrypto(request, details.keyId)
    const { message: bytes, messageType: type, signingAlgorithm: algorithm } = details
    const { version, signature } = await sign(request.ports, loaded, {
      message: bytes,
      messageType: type,
      algorithm,
      ...chosen(details),
    })
    const { keyId, id } = version
    return { body: { keyId, keyVersionId: id, signature: signature.toString('base64'), signingAlgorithm: algorithm } }
  },
})
