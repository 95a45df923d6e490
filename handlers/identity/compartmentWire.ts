import { authorize, refuseAbsent } from '../../lib/http/authorize.ts'
import { isAuthorized } from '../../lib/http/isAuthorized.ts'
import type { Request } from '../../lib/http/operation.ts'
import { operations } from '../../lib/http/operations.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { compartmentById, requireSubcompartment } from '../../lib/kms/identity/compartments.ts'
import type { CompartmentRow, SubcompartmentRow } from '../../lib/kms/identity/identityRows.ts'

/** The tenancy is its own parent on the wire: clients dereference `compartmentId`. */
const rootFacts = {
  description: 'The root compartment of the tenancy',
  lifecycleState: 'ACTIVE',
  freeformTags: {},
  definedTags: {},
} as const

/** Compartment (contract §2.8). */
export function toCompartment(row: CompartmentRow, isAccessible: boolean): JsonObject {
  const { description, lifecycleState, freeformTags, definedTags } = row.parentId === null ? rootFacts : row
  return {
    id: row.id,
    compartmentId: row.parentId ?? row.id,
    name: row.name,
    description,
    timeCreated: row.timeCreated,
    lifecycleState,
    inactiveStatus: null,
    isAccessible,
    freeformTags,
    definedTags,
  }
}

const inspectPermissions = ['COMPARTMENT_INSPECT', 'VAULT_INSPECT', 'KEY_INSPECT'] as const

/** Whether the caller may inspect something in the compartment itself. */
export function mayInspect(request: Request, compartmentId: string): boolean {
  return inspectPermissions.some((permission) => isAuthorized(request, [permission], compartmentId))
}

/** The compartments in which, or below which, the caller may inspect something. */
export async function accessibleCompartments(request: Request): Promise<ReadonlySet<string>> {
  const { caller, ports } = request
  const { compartments } = await ports.identity.tenancy(caller.principal.tenancyId)
  const open = compartments.filter(({ id }) => mayInspect(request, id))
  return new Set(open.flatMap(({ id }) => caller.tree.ancestors(id)))
}

/** The tenancy or a compartment, if the caller may do to it what the operation does. */
export async function authorizedCompartmentRow(request: Request): Promise<CompartmentRow> {
  const compartmentId = request.parameters['compartmentId'] ?? ''
  request.target.resourceId = compartmentId
  const row = await compartmentById(request.ports, request.caller.principal.tenancyId, compartmentId)
  if (row === undefined) return refuseAbsent(request, { name: 'noSuchCompartment', compartmentId })
  authorize(request, operations[request.operation].permissions, compartmentId)
  request.target.resourceName = row.name
  request.target.compartmentId = row.parentId ?? row.id
  return row
}

/** The same for what the tenancy itself, the root, does not take. */
export async function authorizedSubcompartment(request: Request): Promise<SubcompartmentRow> {
  const { id } = await authorizedCompartmentRow(request)
  return requireSubcompartment(request.ports, request.caller.principal.tenancyId, id)
}
