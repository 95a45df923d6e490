import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { isAuthorized } from '../../lib/http/isAuthorized.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { operations } from '../../lib/http/operations.ts'
import { defaultsIn } from '../../lib/kms/identity/taggingState.ts'
import { identityPage } from './identityPage.ts'
import { toTagDefault } from './tagDefaultWire.ts'
import { lifecycleAsked } from './tenancyWide.ts'

/** Those of a compartment; without one, those of one key or one OCID wherever the caller may see them. */
export const listTagDefaultsOperation = bodyless('ListTagDefaults', async (request) => {
  const { query, caller } = request
  const { id, tagDefinitionId, compartmentId } = query
  const isByKey = compartmentId === undefined && (id !== undefined || tagDefinitionId !== undefined)
  if (!isByKey) authorizedCompartment(request, requiredOcid(query, 'compartmentId'))
  const isAsked = lifecycleAsked(query)('ACTIVE')
  const { permissions } = operations[request.operation]
  const state = await request.ports.identity.state(caller.principal.tenancyId)
  const listed = defaultsIn(state).filter(
    (row) =>
      isAsked &&
      row.compartmentId === (compartmentId ?? row.compartmentId) &&
      row.id === (id ?? row.id) &&
      row.tagId === (tagDefinitionId ?? row.tagId) &&
      isAuthorized(request, permissions, row.compartmentId),
  )
  return identityPage(
    request,
    listed.map((row) => ({ ...row, name: '' })),
    (row) => toTagDefault(row, state),
  )
})
