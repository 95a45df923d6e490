import { authorizedCompartment } from '../../lib/http/authorize.ts'
import { optionalChoice, requiredOcid } from '../../lib/http/fields.ts'
import { bodyless } from '../../lib/http/operation.ts'
import { KmsError } from '../../lib/errors.ts'
import type { SubcompartmentRow } from '../../lib/kms/identity/identityRows.ts'
import { accessibleCompartments, toCompartment } from './compartmentWire.ts'
import { identityPage } from './identityPage.ts'

const states = ['CREATING', 'ACTIVE', 'INACTIVE', 'DELETING', 'DELETED']

/** A compartment's children, or all compartments of the tenancy; never the tenancy itself. */
export const listCompartmentsOperation = bodyless('ListCompartments', async (request) => {
  const { query } = request
  const { tenancyId } = request.caller.principal
  const compartmentId = requiredOcid(query, 'compartmentId')
  authorizedCompartment(request, compartmentId)
  const isAccessibleOnly = optionalChoice(query, 'accessLevel', ['ANY', 'ACCESSIBLE']) === 'ACCESSIBLE'
  const isSubtree = optionalChoice(query, 'compartmentIdInSubtree', ['true', 'false']) === 'true'
  if (isSubtree && compartmentId !== tenancyId) {
    throw new KmsError('invalidParameter', 'compartmentIdInSubtree needs the tenancy as compartmentId.')
  }
  const state = lifecycleState(query['lifecycleState'])
  const accessible = await accessibleCompartments(request)
  const { compartments } = await request.ports.identity.tenancy(tenancyId)
  const listed = compartments.filter(
    (row): row is SubcompartmentRow =>
      row.parentId !== null &&
      (isSubtree || row.parentId === compartmentId) &&
      (state === undefined || row.lifecycleState === state) &&
      (!isAccessibleOnly || accessible.has(row.id)),
  )
  return identityPage(request, listed, (row) => toCompartment(row, accessible.has(row.id)))
})

/** In any case, as OCI takes it. */
function lifecycleState(value: string | undefined): string | undefined {
  const state = value?.toUpperCase()
  if (state !== undefined && !states.includes(state)) {
    throw new KmsError('invalidParameter', `lifecycleState must be one of ${states.join(', ')}.`)
  }
  return state
}
