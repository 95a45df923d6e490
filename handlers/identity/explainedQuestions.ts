import { KmsError } from '../../lib/errors.ts'
import { operations, rowOf, type OperationName } from '../../lib/http/operations.ts'
import type { Request } from '../../lib/http/operation.ts'
import { service } from '../../lib/http/authorize.ts'
import type { Permission } from '../../lib/iam/permissions.ts'
import type { AskedOf } from './explainedTarget.ts'

/** One permission that a call asks for. */
export interface Question {
  readonly permission: Permission
  readonly compartmentId: string
  /** Whose statement it takes, where that is not the user's. */
  readonly service?: string
}

/** KEY_* are asked of the key's compartment and VAULT_* of the vault's, as of a call (lib/http/authorize.ts). */
export function questionsOf(
  { ports }: Request,
  operation: OperationName,
  { compartmentId, vaultCompartmentId }: AskedOf,
): readonly Question[] {
  const row = rowOf(operation)
  if (row.isOpen === true) return []
  const permissions: readonly Permission[] =
    operation === 'CreateTagDefault' || operation === 'UpdateTagDefault'
      ? [...row.permissions, 'TAG_NAMESPACE_USE']
      : row.permissions
  const ofUser = permissions.map((permission) => ({
    permission,
    compartmentId: permission.startsWith('VAULT_') ? (vaultCompartmentId ?? compartmentId) : compartmentId,
  }))
  const isOfService = operation === 'CreateVaultReplica' || operation === 'DeleteVaultReplica'
  return isOfService && ports.requiresServicePolicy
    ? [...ofUser, ...ofUser.map((each) => ({ ...each, service }))]
    : ofUser
}

/**
 * What a call would not be about is not asked of either: it would be judged by another place, or by a variable that it does not have.
 * @throws KmsError invalidParameter
 */
export function requireFitting(request: Request, operation: OperationName): void {
  const { query } = request
  const { path, plane, serves, permissions } = operations[operation]
  const refuse = (name: string, why: string) => {
    throw new KmsError('invalidParameter', `${operation} ${why}: leave ${name} out.`)
  }
  const isOfKey = path.includes('{keyId}') || serves === 'crypto'
  if (query['keyId'] !== undefined && !isOfKey) refuse('keyId', 'is about no key that exists')
  const isOfVault = path.includes('{vaultId}') || plane === 'vault'
  if (query['vaultId'] !== undefined && !isOfVault) refuse('vaultId', 'is about no vault that exists')
  const compartmentId = query['compartmentId']
  if (compartmentId === undefined || compartmentId === request.caller.principal.tenancyId) return
  if (permissions.some((each) => ofTenancy.test(each))) refuse('compartmentId', 'is asked of the tenancy itself')
}

const ofTenancy = /^(USER|GROUP|DYNAMIC_GROUP|TENANCY|TRUSTED_ISSUER|AUDIT_CONFIGURATION)_/
