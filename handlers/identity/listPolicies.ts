import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { optionalChoice, requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { nextPage, pageAfter, pageLimit } from '../../lib/http/paging.ts'
import { toPolicy } from './policyWire.ts'

const order = {
  TIMECREATED: { key: 'timeCreated', direction: 'DESC' },
  NAME: { key: 'name', direction: 'ASC' },
} as const

/** The policies attached to one compartment. A tenancy's policies are held in memory, so they are sorted there. */
export const listPoliciesOperation = bodyless('ListPolicies', async (request) => {
  const { query } = request
  const compartmentId = requiredOcid(query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const { key, direction } = order[optionalChoice(query, 'sortBy', ['TIMECREATED', 'NAME']) ?? 'TIMECREATED']
  const isDescending = (optionalChoice(query, 'sortOrder', ['ASC', 'DESC']) ?? direction) === 'DESC'
  const { policies } = await request.ports.identity.tenancy(request.caller.principal.tenancyId)
  const found = policies
    .filter(
      (policy) =>
        policy.compartmentId === compartmentId && (query['name'] === undefined || policy.name === query['name']),
    )
    .map((policy) => ({ policy, place: `${policy[key]}#${policy.id}` }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
  if (isDescending) found.reverse()
  const after = pageAfter(request)
  const rest = after === undefined ? found : found.slice(found.findIndex(({ place }) => place === after) + 1)
  const page = rest.slice(0, pageLimit(query))
  const next = rest.length > page.length ? page.at(-1)?.place : undefined
  return { body: page.map(({ policy }) => toPolicy(policy)), headers: nextPage(request, next) }
})
