import { isServiceAllowed } from '../iam/policy.ts'
import type { Permission } from '../iam/permissions.ts'
import { notFoundOrForbidden } from '../errors.ts'
import type { VaultKey } from '../kms/keys/changeKey.ts'
import { vaultPrefixOf } from '../ocid.ts'
import type { RefusalReason } from '../refusalReasons.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { forbidden, missingGrant, type Existing } from './forbidden.ts'
import { accessOf, isAuthorized, type Variables } from './isAuthorized.ts'
import type { Request } from './operation.ts'
import { operations } from './operations.ts'

/**
 * Default deny: passes only where policies of the caller's tenancy grant the permissions on an existing compartment.
 * @throws KmsError notAuthorizedOrNotFound, the same for absent and forbidden.
 */
export function authorize(
  request: Request,
  permissions: readonly Permission[],
  compartmentId: string,
  variables: Variables = {},
  existing?: Existing,
): void {
  judge(request, { permissions, compartmentId, variables, existing })
}

/**
 * Refuses what is not there, after it was judged like what is: in the root, where nothing is granted that is not granted
 * everywhere. `permissions`: the operation's own unless others are asked of what was looked for.
 */
export function refuseAbsent(
  request: Request,
  absent: RefusalReason,
  variables: Variables = {},
  permissions: readonly Permission[] = operations[request.operation].permissions,
): never {
  const { tenancyId } = request.caller.principal
  judge(request, { permissions, compartmentId: tenancyId, variables, existing: undefined, absent })
  throw notFoundOrForbidden(absent)
}

interface Judged {
  readonly permissions: readonly Permission[]
  readonly compartmentId: string
  readonly variables: Variables
  readonly existing: Existing | undefined
  /** Why it is refused though it may be granted. */
  readonly absent?: RefusalReason
}

function judge(request: Request, { permissions, compartmentId, variables, existing, absent }: Judged): void {
  if (isAuthorized(request, permissions, compartmentId, variables) && absent === undefined) return
  const missing = missingGrant(request, permissions, compartmentId, variables)
  throw forbidden(request, absent ?? missing, existing)
}

/** The operation's own permissions, on a compartment the request names. */
export function authorizedCompartment(request: Request, compartmentId: string, variables?: Variables): void {
  authorize(request, operations[request.operation].permissions, compartmentId, variables)
  request.target.compartmentId ??= compartmentId
}

/** A vault by its OCID, read anew, if the caller may do to it what the operation does. */
export async function authorizedVault(request: Request, vaultId: string): Promise<Vault> {
  const vault = ownVault(request, vaultId, await lookedUpVault(request, vaultId))
  const { compartmentId } = vault.row
  authorize(request, vaultPermissions(request), compartmentId, vaultVariables(vault), existingVault(vault))
  request.target.compartmentId = compartmentId
  return vault
}

/** KEY_* permissions are asked of the key's compartment, VAULT_* of the vault's (contract §9.5). */
export function vaultPermissions({ operation }: Request): readonly Permission[] {
  const permissions: readonly Permission[] = operations[operation].permissions
  const onVault = permissions.filter((permission) => permission.startsWith('VAULT_'))
  return onVault.length > 0 ? onVault : permissions
}

/** The vault at whose endpoint the request arrived, for making a key in a compartment. */
export async function authorizedVaultForKey(request: Request, compartmentId: string): Promise<Vault> {
  const vault = ownVault(request, request.vaultId, await lookedUpVault(request, request.vaultId))
  const permissions: readonly Permission[] = operations[request.operation].permissions
  const onVault = permissions.filter((permission) => permission.startsWith('VAULT_'))
  const variables = vaultVariables(vault)
  // No permission is no grant, so an operation that asks nothing of the vault must not ask (ListKeys).
  if (onVault.length > 0) authorize(request, onVault, vault.row.compartmentId, variables, existingVault(vault))
  authorize(
    request,
    permissions.filter((permission) => permission.startsWith('KEY_')),
    compartmentId,
    variables,
    // Of another compartment than the vault's nobody is told whether there is one.
    compartmentId === vault.row.compartmentId ? existingVault(vault) : undefined,
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
  if (compartmentIds.some((id) => isAuthorized(request, permissions, id, variables))) return
  throw notFoundOrForbidden({ name: 'grantedNowhere', userId: request.caller.principal.id, permissions })
}

/** The vault at whose endpoint the request arrived, for restoring a key: what it is asked of is not known yet. */
export async function vaultForRestore(request: Request): Promise<Vault> {
  return ownVault(request, request.vaultId, await lookedUpVault(request, request.vaultId))
}

/** For each compartment that a restore reaches: where the thing was, where it stands and where it goes. */
export function authorizeRestore(request: Request, compartmentId: string, vault?: Vault): void {
  const variables = vault === undefined ? {} : vaultVariables(vault)
  authorize(request, operations[request.operation].permissions, compartmentId, variables)
}

/** A key of the vault at whose endpoint the request arrived, if the caller may do to it what the operation does. */
export async function authorizedKey(request: Request, keyId: string, variables?: Variables): Promise<VaultKey> {
  const vault = ownVault(request, request.vaultId, await lookedUpVault(request, request.vaultId))
  const isInside = vaultPrefixOf(keyId) === vault.row.vaultPrefix
  const key = isInside ? await lookedUpKey(request, vault.keys, keyId) : undefined
  return judgeKey(request, vault, key, keyId, variables)
}

/** As authorizedKey, through the cache: for crypto. At once where both are cached. */
export function authorizedKeyForCrypto(
  request: Request,
  keyId: string,
  variables?: Variables,
): Promise<VaultKey> | VaultKey {
  const vault = request.ports.cache.vault(request.vaultId)
  return vault instanceof Promise
    ? vault.then((read) => keyForCrypto(request, saw(request, 'vault', read), keyId, variables))
    : keyForCrypto(request, vault, keyId, variables)
}

function keyForCrypto(
  request: Request,
  found: Vault | undefined,
  keyId: string,
  variables: Variables | undefined,
): Promise<VaultKey> | VaultKey {
  const vault = requireOwn(request, request.vaultId, found)
  if (vaultPrefixOf(keyId) !== vault.row.vaultPrefix) return judgeKey(request, vault, undefined, keyId, variables)
  const key = request.ports.cache.key(vault.keys, keyId)
  return key instanceof Promise
    ? key.then((read) => judgeKey(request, vault, saw(request, 'key', read), keyId, variables))
    : judgeKey(request, vault, key, keyId, variables)
}

function judgeKey(
  request: Request,
  vault: Vault,
  key: VaultKey['key'] | undefined,
  keyId: string,
  variables: Variables | undefined,
): VaultKey {
  request.target.resourceId = keyId
  const ofKey = { ...vaultVariables(vault), 'target.key.id': keyId }
  const isOurs = key?.vaultId === vault.row.id
  if (!isOurs) refuseAbsent(request, noKey(keyId, vault), { ...ofKey, ...variables })
  if (!isThere(request, key)) refuseAbsent(request, { name: 'keyDeleted', keyId }, { ...ofKey, ...variables })
  request.target.resourceName = key.displayName
  const { compartmentId } = key
  const existing = { get: 'GetKey', compartmentId, variables: ofKey } as const
  authorize(request, operations[request.operation].permissions, compartmentId, { ...ofKey, ...variables }, existing)
  request.target.compartmentId = compartmentId
  return { vault, key }
}

/** A move takes the permission where the resource is, which `authorizedVault` asks for, and where it goes (contract §9.3). */
export function authorizeMove(request: Request, to: string, vault: Vault, key?: VaultKey['key']): void {
  const variables = { ...vaultVariables(vault), ...(key === undefined ? {} : { 'target.key.id': key.id }) }
  authorize(request, operations[request.operation].permissions, to, variables)
}

/** A vault that was looked up, if it is the caller's and may be asked this. */
function ownVault(request: Request, vaultId: string, found: Vault | undefined): Vault {
  request.target.resourceId ??= vaultId
  const vault = requireOwn(request, vaultId, found)
  request.target.resourceName ??= vault.row.displayName
  return vault
}

/** A vault as the tables have it, if there is one; whoever uses it authorizes that. */
export async function lookedUpVault(request: Request, vaultId: string): Promise<Vault | undefined> {
  return saw(request, 'vault', await request.ports.cache.freshVault(vaultId))
}

/** As lookedUpVault, of a key. */
export async function lookedUpKey(
  request: Request,
  keys: Vault['keys'],
  keyId: string,
): Promise<VaultKey['key'] | undefined> {
  return saw(request, 'key', await request.ports.cache.freshKey(keys, keyId))
}

/** Notes what was read, and found or not: what is held in memory costs nothing that could be measured. */
function saw<T>({ looked }: Request, kind: 'vault' | 'key', found: T | undefined): T | undefined {
  looked[kind][found === undefined ? 'missed' : 'found'] = true
  return found
}

function requireOwn(request: Request, vaultId: string, vault: Vault | undefined): Vault {
  if (vaultId === request.vaultId) {
    request.looked.isAtReplica = vault !== undefined && vault.row.primaryRegion !== request.ports.region
  }
  const absent = whyAbsent(request, vaultId, vault)
  if (vault !== undefined && absent === undefined) return vault
  const reason = absent ?? ({ name: 'noSuchVault', vaultId } as const)
  return refuseAbsent(request, reason, { 'target.vault.id': vaultId }, vaultPermissions(request))
}

function whyAbsent(request: Request, vaultId: string, vault: Vault | undefined): RefusalReason | undefined {
  if (vault === undefined) return { name: 'noSuchVault', vaultId }
  if (vault.row.tenancyId !== request.caller.principal.tenancyId) return { name: 'vaultOfAnotherTenancy', vaultId }
  return isThere(request, vault.row) ? undefined : { name: 'vaultDeleted', vaultId }
}

function noKey(keyId: string, { row }: Vault): RefusalReason {
  const isOfThisVault = vaultPrefixOf(keyId) === row.vaultPrefix
  return { name: isOfThisVault ? 'noSuchKey' : 'keyOfAnotherVault', keyId, vaultId: row.id }
}

/** What is DELETED answers reads only (contract §4). */
function isThere({ operation }: Request, { lifecycleState }: { readonly lifecycleState: string }): boolean {
  return lifecycleState !== 'DELETED' || operations[operation].method === 'GET'
}

function existingVault(vault: Vault): Existing {
  return { get: 'GetVault', compartmentId: vault.row.compartmentId, variables: vaultVariables(vault) }
}

function vaultVariables({ row }: Vault): Variables {
  return { 'target.vault.id': row.id }
}

export const service = 'keymanagementservice'

/** Replication also needs the tenancy's word to the service (contract §5.4). */
export function requireServicePolicy(request: Request, vault: Vault): void {
  if (!request.ports.requiresServicePolicy) return
  const { policies, tree } = request.caller
  const permission = 'VAULT_REPLICATE'
  const { compartmentId, tenancyId } = vault.row
  const access = accessOf(request, [permission], compartmentId, vaultVariables(vault))
  if (isServiceAllowed(policies, tree, service, access)) return
  const reason = { name: 'serviceNotGranted', service, permission, compartmentId, tenancyId } as const
  throw forbidden(request, reason, existingVault(vault))
}
