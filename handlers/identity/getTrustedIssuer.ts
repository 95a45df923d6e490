import { bodyless } from '../../lib/http/operation.ts'
import { toTrustedIssuer } from './issuerWire.ts'
import { authorizedNamed } from './tenancyWide.ts'

export const getTrustedIssuerOperation = bodyless('GetTrustedIssuer', async (request) => {
  const row = await authorizedNamed(request, 'trustedIssuer', request.parameters['trustedIssuerId'] ?? '')
  return { body: toTrustedIssuer(row, request.caller.principal.tenancyId), headers: { etag: row.etag } }
})
