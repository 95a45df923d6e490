import { authorizedCompartment, refuseAbsent } from '../../lib/http/authorize.ts'
import { optionalChoice, requiredOcid } from '../../lib/http/fields.ts'
import type { Variables } from '../../lib/http/isAuthorized.ts'
import type { Request } from '../../lib/http/operation.ts'
import { KmsError } from '../../lib/errors.ts'
import type { JsonObject } from '../../lib/canonicalJson.ts'
import { namedById, namedIn, type Named, type NamedKind } from '../../lib/kms/identity/namedRows.ts'
import { identityPage } from './identityPage.ts'

/** What users, groups and dynamic groups share on the wire: they live in the tenancy itself and are asked for there. */

/** The tenancy that a body or a query names as the compartment, if the caller may do there what the operation does. */
export function authorizedTenancy(request: Request, compartmentId: string): string {
  authorizedCompartment(request, compartmentId)
  const { tenancyId } = request.caller.principal
  if (compartmentId === tenancyId) return tenancyId
  throw new KmsError(
    'invalidParameter',
    `Users and groups live in the tenancy itself: give its OCID, ${tenancyId}, as compartmentId.`,
  )
}

/** A user, group or dynamic group by its OCID. */
export async function authorizedNamed<K extends NamedKind>(
  request: Request,
  kind: K,
  id: string,
  isOwn = false,
): Promise<Named<K>> {
  const { tenancyId } = request.caller.principal
  request.target.resourceId = id
  const row = await namedById(request.ports, tenancyId, kind, id)
  if (row === undefined) return refuseAbsent(request, { name: 'noSuchIdentity', kind, id })
  if (isOwn) request.target.compartmentId = tenancyId
  else authorizedCompartment(request, tenancyId, targetVariables(row))
  request.target.resourceName = row.name
  return row
}

/** What conditions may ask of whom a call is about, so that a user's keeper need not be one of the administrators. */
export function targetVariables(...rows: readonly Named<NamedKind>[]): Variables {
  return rows.reduce<Variables>((all, row) => ({ ...all, ...variablesOf(row) }), {})
}

function variablesOf({ kind, id, name }: Named<NamedKind>): Variables {
  switch (kind) {
    case 'user':
      return { 'target.user.id': id, 'target.user.name': name }
    case 'group':
      return { 'target.group.id': id, 'target.group.name': name }
    case 'dynamicGroup':
      return { 'target.dynamicgroup.id': id, 'target.dynamicgroup.name': name }
    case 'trustedIssuer':
      return { 'target.trustedIssuer.id': id, 'target.trustedIssuer.name': name }
  }
}

/** One page of a kind; all of them are ACTIVE, for what is deleted is gone. */
export async function namedPage<K extends NamedKind>(
  request: Request,
  kind: K,
  toWire: (row: Named<K>, tenancyId: string) => JsonObject,
) {
  const { query } = request
  const tenancyId = authorizedTenancy(request, requiredOcid(query, 'compartmentId'))
  const rows = namedIn(await request.ports.identity.state(tenancyId), kind)
  return identityPage(request, lifecycleAsked(query)('ACTIVE') ? rows : [], (row) => toWire(row, tenancyId))
}

type Lifecycle = (typeof lifecycle)[number]
const lifecycle = ['CREATING', 'ACTIVE', 'INACTIVE', 'DELETING', 'DELETED'] as const

/** Which states a list is asked for by `lifecycleState`; all without it. */
export function lifecycleAsked(query: Request['query']): (state: Lifecycle) => boolean {
  const asked = optionalChoice(query, 'lifecycleState', lifecycle)
  return (state) => asked === undefined || state === asked
}

/** What all three show alike. */
export function namedFacts(row: Named<NamedKind>, tenancyId: string): JsonObject {
  const { id, name, description, timeCreated, freeformTags, definedTags } = row
  return {
    id,
    compartmentId: tenancyId,
    name,
    description,
    timeCreated,
    lifecycleState: 'ACTIVE',
    inactiveStatus: null,
    freeformTags,
    definedTags,
  }
}
