import type { Permission } from '../iam/permissions.ts'
import { isAllowed } from '../iam/policy.ts'
import type { AccessRequest, CallVariable } from '../iam/variables.ts'
import type { Request } from './operation.ts'

export type Variables = Readonly<Partial<Record<CallVariable, string>>>

/** Whether policies of the caller's tenancy grant all of these permissions on an existing compartment. */
export function isAuthorized(
  request: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables = {},
): boolean {
  const { policies, tree, principal } = request.caller
  return isAllowed(policies, tree, principal, accessOf(request, permissions, compartmentId, variables))
}

export function accessOf(
  { ports, operation, now }: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables,
): AccessRequest {
  return { permissions, compartmentId, operation, region: ports.region, now, variables }
}
