import { operation } from '../../lib/http/operation.ts'
import { newSession, sessionDetails } from './sessionWire.ts'

/** For a workload that has a token of the platform it runs on, and no key. */
export const exchangeTokenOperation = operation('ExchangeToken', {
  input: sessionDetails,
  run: (request, details) => {
    const { principal, trustedIssuerId = '' } = request.caller
    const { name, variables = {} } = principal
    return newSession(request, details, { kind: 'workload', name, trustedIssuerId, variables })
  },
})
