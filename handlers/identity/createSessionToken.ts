import { KmsError } from '../../lib/errors.ts'
import { operation } from '../../lib/http/operation.ts'
import { newSession, sessionDetails } from './sessionWire.ts'

/** For whoever signs with an API key: another pair, which can do the same for an hour and leaves the key at home. */
export const createSessionTokenOperation = operation('CreateSessionToken', {
  input: sessionDetails,
  run: async (request, details) => {
    const { apiKey } = request.caller
    if (apiKey === undefined) {
      const text =
        'A session does not make another: sign with the API key, or exchange a new OIDC token (ExchangeToken).'
      throw new KmsError('invalidParameter', text)
    }
    return newSession(request, details, { kind: 'user', fingerprint: apiKey.fingerprint, etag: apiKey.etag })
  },
})
