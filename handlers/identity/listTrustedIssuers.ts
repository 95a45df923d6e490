import { bodyless } from '../../lib/http/operation.ts'
import { toTrustedIssuer } from './issuerWire.ts'
import { namedPage } from './tenancyWide.ts'

export const listTrustedIssuersOperation = bodyless('ListTrustedIssuers', (request) =>
  namedPage(request, 'trustedIssuer', toTrustedIssuer),
)
