import { KmsError, notFoundOrForbidden, notFoundText } from '../errors.ts'
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
  if (existing === undefined || !request.ports.explainsRefusals || !mayGet(request, existing)) {
    return notFoundOrForbidden(reason)
  }
  return new KmsError('notAuthorizedOrNotFound', `${notFoundText} What is missing: ${reasonText(reason)}.`, { reason })
}

function mayGet(request: Request, { get, compartmentId, variables }: Existing): boolean {
  return isAuthorized({ ...request, operation: get }, operations[get].permissions, compartmentId, variables)
}

export function missingGrant(
  request: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables,
): RefusalReason {
  const { tree, principal } = request.caller
  if (tree.ancestors(compartmentId).length === 0) return { name: 'noSuchCompartment', compartmentId }
  const missing = permissions.filter((each) => !isAuthorized(request, [each], compartmentId, variables))
  return { name: 'notGranted', userId: principal.id, permissions: missing, compartmentId }
}
