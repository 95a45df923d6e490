import { hash } from 'node:crypto'
import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { realm, regionKey } from '../../lib/ocid.ts'

/** A region here has one, which nothing is placed in; clients want to see at least one. */
export const listAvailabilityDomainsOperation = bodyless('ListAvailabilityDomains', async (request) => {
  const compartmentId = requiredOcid(request.query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const { region } = request.ports
  const { tenancyId } = request.caller.principal
  const unique = hash('sha256', `${tenancyId}#${region}`, 'hex').slice(0, 60)
  const id = `ocid1.availabilitydomain.${realm}..${unique}`
  return { body: [{ name: `${unique.slice(0, 4)}:${regionKey(region).toUpperCase()}-AD-1`, id, compartmentId }] }
})
