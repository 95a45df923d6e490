import { bodyless } from '../../lib/http/operation.ts'
import { deleteNamed } from '../../lib/kms/identity/namedRows.ts'
import { authorizedNamed } from './tenancyWide.ts'

/** Whoever has a session by it loses that with their next call. */
export const deleteTrustedIssuerOperation = bodyless('DeleteTrustedIssuer', async (request) => {
  const { id } = await authorizedNamed(request, 'trustedIssuer', request.parameters['trustedIssuerId'] ?? '')
  const { tenancyId } = request.caller.principal
  await deleteNamed(request.ports, tenancyId, request.mutation, { kind: 'trustedIssuer', id }, () => [])
  return { status: 204 }
})
