import { notFoundOrForbidden, notFoundText, type KmsError } from '../errors.ts'
import type { Permission } from '../iam/permissions.ts'
import { reasonText, type RefusalReason } from '../refusalReasons.ts'
import { isAuthorized, type Variables } from './isAuthorized.ts'
import type { Request } from './operation.ts'
import { operations } from './operations.ts'

/** What is asked for about a resource that exists: whoever may get it knows that, and may be told what is missing. */
export interface Existing {
  readonly get: 'GetVault' | 'GetKey'
  readonly compartmentId: string
  readonly variables: Variables
}

/** The embedded host tells what is missing, to nobody but who may get the resource. */
export function forbidden(request: Request, reason: RefusalReason, existing?: Existing): KmsError {
  const mayKnow = mayBeTold(request, existing)
  if (existing === undefined || !mayKnow) return notFoundOrForbidden(reason)
  return notFoundOrForbidden(reason, `${notFoundText} What is missing: ${reasonText(reason)}.`)
}

/** What does not exist is judged too, in the root, so that it takes as long as what does. */
function mayBeTold(request: Request, existing?: Existing): boolean {
  request.looked.isJudged = true
  const { caller, ports } = request
  const root = { get: 'GetVault', compartmentId: caller.principal.tenancyId, variables: {} } as const
  const { get, compartmentId, variables } = existing ?? root
  return (
    ports.explainsRefusals &&
    isAuthorized({ ...request, operation: get }, operations[get].permissions, compartmentId, variables)
  )
}

/** As a refusal by policies, of a resource in the root: nothing is granted there that is not granted everywhere. */
export function judgeForNothing(request: Request, permissions: readonly Permission[]): void {
  const { tenancyId } = request.caller.principal
  isAuthorized(request, permissions, tenancyId)
  missingGrant(request, permissions, tenancyId, {})
  mayBeTold(request)
}

export function missingGrant(
  request: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables,
): RefusalReason {
  const { tree, principal } = request.caller
  // Also of a compartment that is not there, so that it takes as long.
  const missing = permissions.filter((each) => !isAuthorized(request, [each], compartmentId, variables))
  if (tree.ancestors(compartmentId).length === 0) return { name: 'noSuchCompartment', compartmentId }
  return { name: 'notGranted', userId: principal.id, permissions: missing, compartmentId }
}
