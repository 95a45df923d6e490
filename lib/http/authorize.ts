import { isAllowed, isServiceAllowed } from '../iam/policy.ts'
import type { Permission } from '../iam/permissions.ts'
import { notFoundOrForbidden } from '../errors.ts'
import type { VaultKey } from '../kms/keys/changeKey.ts'
import { vaultPrefixOf } from '../ocid.ts'
import type { Vault } from '../kms/vaultCache.ts'
import type { Request } from './operation.ts'
import { operations } from './operations.ts'

type Variables = Readonly<Record<string, string>>

/**
 * Default deny: passes only where policies of the caller's tenancy grant the permissions on an existing compartment.
 * @throws KmsError notAuthorizedOrNotFound, the same for absent and forbidden.
 */
export function authorize(
  request: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables = {},
): void {
  if (!isAuthorized(request, permissions, compartmentId, variables)) throw notFoundOrForbidden()
}

/** As authorize, for what only shows whether the caller may. */
export function isAuthorized(
  request: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables = {},
): boolean {
  const { caller, ports, operation, now } = request
  const access = { permissions, compartmentId, operation, region: ports.region, now, variables }
  return isAllowed(caller.policies, caller.tree, caller.principal, access)
}

/** The operation's own permissions, on a compartment the request names. */
export function authorizedCompartment(request: Request, compartmentId: string, variables?: Variables): void {
  authorize(request, operations[request.operation].permissions, compartmentId, variables)
  request.target.compartmentId ??= compartmentId
}

/** A vault by its OCID, read anew, if the caller may do to it what the operation does. */
export async function authorizedVault(request: Request, vaultId: string): Promise<Vault> {
  const vault = await ownVault(request, vaultId)
  authorize(request, vaultPermissions(request), vault.row.compartmentId, vaultVariables(vault))
  request.target.compartmentId = vault.row.compartmentId
  return vault
}

/** KEY_* permissions are asked of the key's compartment, VAULT_* of the vault's (contract §9.5). */
function vaultPermissions({ operation }: Request): readonly Permission[] {
  const permissions: readonly Permission[] = operations[operation].permissions
  const onVault = permissions.filter((permission) => permission.startsWith('VAULT_'))
  return onVault.length > 0 ? onVault : permissions
}

/** The vault at whose endpoint the request arrived, for making a key in a compartment. */
export async function authorizedVaultForKey(request: Request, compartmentId: string): Promise<Vault> {
  const vault = await ownVault(request, request.vaultId)
  const permissions: readonly Permission[] = operations[request.operation].permissions
  const onVault = permissions.filter((permission) => permission.startsWith('VAULT_'))
  const variables = vaultVariables(vault)
  // No permission is no grant, so an operation that asks nothing of the vault must not ask (ListKeys).
  if (onVault.length > 0) authorize(request, onVault, vault.row.compartmentId, variables)
  authorize(
    request,
    permissions.filter((permission) => permission.startsWith('KEY_')),
    compartmentId,
    variables,
  )
  request.target.compartmentId = compartmentId
  return vault
}

/**
 * For a call whose compartment stands in a file that is still to be read: who may nowhere learns nothing of the file, and
 * has nothing fetched.
 */
export function authorizeSomewhere(request: Request, compartmentIds: readonly string[]): void {
  const permissions = operations[request.operation].permissions
  const variables = { 'target.vault.id': request.vaultId }
  if (!compartmentIds.some((id) => isAuthorized(request, permissions, id, variables))) throw notFoundOrForbidden()
}

/** The vault at whose endpoint the request arrived, for restoring a key: what it is asked of is not known yet. */
export async function vaultForRestore(request: Request): Promise<Vault> {
  return ownVault(request, request.vaultId)
}

/** For each compartment that a restore reaches: where the thing was, where it stands and where it goes. */
export function authorizeRestore(request: Request, compartmentId: string, vault?: Vault): void {
  const variables = vault === undefined ? {} : vaultVariables(vault)
  authorize(request, operations[request.operation].permissions, compartmentId, variables)
}

/** A key of the vault at whose endpoint the request arrived, if the caller may do to it what the operation does. */
export async function authorizedKey(request: Request, keyId: string, variables?: Variables): Promise<VaultKey> {
  const vault = await ownVault(request, request.vaultId)
  return judgeKey(request, vault, await ownKey(request, vault, keyId), keyId, variables)
}

/** As authorizedKey, through the cache: for crypto. */
export async function authorizedKeyForCrypto(
  request: Request,
  keyId: string,
  variables?: Variables,
): Promise<VaultKey> {
  const { cache } = request.ports
  const found = cache.vault(request.vaultId)
  const vault = found instanceof Promise ? await found : found
  if (vault?.row.tenancyId !== request.caller.principal.tenancyId) throw notFoundOrForbidden()
  if (!isThere(request, vault.row)) throw notFoundOrForbidden()
  if (vaultPrefixOf(keyId) !== vault.row.vaultPrefix) throw notFoundOrForbidden()
  const key = cache.key(vault.keys, keyId)
  return judgeKey(request, vault, key instanceof Promise ? await key : key, keyId, variables)
}

function judgeKey(
  request: Request,
  vault: Vault,
  key: VaultKey['key'] | undefined,
  keyId: string,
  variables: Variables | undefined,
): VaultKey {
  request.target.resourceId = keyId
  if (key?.vaultId !== vault.row.id || !isThere(request, key)) throw notFoundOrForbidden()
  request.target.resourceName = key.displayName
  authorize(request, operations[request.operation].permissions, key.compartmentId, {
    ...vaultVariables(vault),
    'target.key.id': key.id,
    ...variables,
  })
  request.target.compartmentId = key.compartmentId
  return { vault, key }
}

/** A move takes the permission where the resource is, which `authorizedVault` asks for, and where it goes (contract §9.3). */
export function authorizeMove(request: Request, to: string, vault: Vault, key?: VaultKey['key']): void {
  const variables = { ...vaultVariables(vault), ...(key === undefined ? {} : { 'target.key.id': key.id }) }
  authorize(request, operations[request.operation].permissions, to, variables)
}

async function ownVault(request: Request, vaultId: string): Promise<Vault> {
  const vault = await request.ports.cache.freshVault(vaultId)
  request.target.resourceId ??= vaultId
  if (vault?.row.tenancyId !== request.caller.principal.tenancyId) throw notFoundOrForbidden()
  if (!isThere(request, vault.row)) throw notFoundOrForbidden()
  request.target.resourceName ??= vault.row.displayName
  return vault
}

/** What is DELETED answers reads only (contract §4). */
function isThere({ operation }: Request, { lifecycleState }: { readonly lifecycleState: string }): boolean {
  return lifecycleState !== 'DELETED' || operations[operation].method === 'GET'
}

function ownKey(request: Request, vault: Vault, keyId: string) {
  return vaultPrefixOf(keyId) === vault.row.vaultPrefix ? request.ports.cache.freshKey(vault.keys, keyId) : undefined
}

function vaultVariables({ row }: Vault): Variables {
  return { 'target.vault.id': row.id }
}

/** Replication also needs the tenancy's word to the service (contract §5.4). */
export function requireServicePolicy(request: Request, vault: Vault): void {
  const { caller, ports, operation, now } = request
  if (!ports.requiresServicePolicy) return
  const permissions: readonly Permission[] = ['VAULT_REPLICATE']
  const { compartmentId } = vault.row
  const access = { permissions, compartmentId, operation, region: ports.region, now, variables: vaultVariables(vault) }
  if (!isServiceAllowed(caller.policies, caller.tree, 'keymanagementservice', access)) throw notFoundOrForbidden()
}
