import * as v from 'valibot'
import { authorizedKeyForCrypto } from '../../lib/http/authorize.ts'
import { ocid } from '../../lib/http/fields.ts'
import { operation } from '../../lib/http/operation.ts'
import { verify } from '../../lib/kms/keys/useKey.ts'
import { loggingContext, message, messageType, noteContext, signature, signingAlgorithm } from './cryptoFields.ts'

const verifyDataDetails = v.object({
  keyId: ocid,
  keyVersionId: ocid,
  signature,
  message,
  signingAlgorithm,
  messageType,
  loggingContext,
})

/** A signature that does not verify is an answer, not an error. */
export const verifyOperation = operation('Verify', {
  input: verifyDataDetails,
  run: async (request, { signingAlgorithm: algorithm, ...details }) => {
    noteContext(request, details.loggingContext)
    const loaded = await authorizedKeyForCrypto(request, details.keyId)
    return { body: { isSignatureValid: await verify(request.ports, loaded, { ...details, algorithm }) } }
  },
})
