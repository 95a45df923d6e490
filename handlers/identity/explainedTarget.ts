import { KmsError, notFoundOrForbidden } from '../../lib/errors.ts'
import { requiredOcid } from '../../lib/http/fields.ts'
import { lookedUpKey, lookedUpVault } from '../../lib/http/authorize.ts'
import { isAuthorized, type Variables } from '../../lib/http/isAuthorized.ts'
import type { Request } from '../../lib/http/operation.ts'
import { keySk } from '../../lib/kms/rows/rows.ts'

/** What a call is about that somebody wants explained. */
export interface AskedOf {
  readonly compartmentId: string
  /** Of the vault that is named, or that holds the key. */
  readonly vaultCompartmentId?: string
  readonly variables: Variables
  /** As it was asked. */
  readonly named: Readonly<Record<string, string>>
}

/**
 * By `keyId`, `vaultId` or `compartmentId` of the query, the tenancy otherwise; a compartment beside a vault is where a key would be made.
 * What the caller may not even list is answered like what is not there.
 */
export async function askedOf(request: Request): Promise<AskedOf> {
  const { query, caller } = request
  const { tenancyId } = caller.principal
  if (query['keyId'] !== undefined) return ofKey(request, requiredOcid(query, 'keyId'))
  const compartmentId = query['compartmentId'] === undefined ? undefined : requiredOcid(query, 'compartmentId')
  const isShown = compartmentId === undefined || compartmentId === tenancyId
  if (!isShown && !isAuthorized(request, ['COMPARTMENT_INSPECT'], compartmentId)) {
    throw notFoundOrForbidden({ name: 'noSuchCompartment', compartmentId })
  }
  if (query['vaultId'] === undefined) {
    const at = compartmentId ?? tenancyId
    return { compartmentId: at, variables: {}, named: { compartmentId: at } }
  }
  const vault = await vaultOf(request, requiredOcid(query, 'vaultId'))
  const at = compartmentId ?? vault.row.compartmentId
  return {
    compartmentId: at,
    vaultCompartmentId: vault.row.compartmentId,
    variables: { 'target.vault.id': vault.row.id },
    named: { vaultId: vault.row.id, compartmentId: at },
  }
}

async function ofKey(request: Request, keyId: string): Promise<AskedOf> {
  const { tables } = request.ports
  const noKey = () => notFoundOrForbidden({ name: 'noSuchIdentity', kind: 'key', id: keyId })
  // It names its vault; which of both is true is checked below.
  const stored = await tables.get('Keys', keyId, keySk)
  if (typeof stored?.['vaultId'] !== 'string') throw noKey()
  const vault = await vaultOf(request, stored['vaultId'])
  const key = await lookedUpKey(request, vault.keys, keyId)
  const mayInspect = isAuthorized(request, ['KEY_INSPECT'], key?.compartmentId ?? vault.row.compartmentId)
  if (key?.vaultId !== vault.row.id || !mayInspect) throw noKey()
  const { id: vaultId, compartmentId: vaultCompartmentId } = vault.row
  requireSame(request, 'vaultId', vaultId)
  requireSame(request, 'compartmentId', key.compartmentId)
  return {
    compartmentId: key.compartmentId,
    vaultCompartmentId,
    variables: { 'target.vault.id': vaultId, 'target.key.id': keyId },
    named: { keyId, vaultId, compartmentId: key.compartmentId },
  }
}

/** @throws KmsError invalidParameter where the query names another than the key's. */
function requireSame({ query }: Request, name: 'vaultId' | 'compartmentId', of: string): void {
  if (query[name] === undefined || query[name] === of) return
  throw new KmsError('invalidParameter', `${name} is not the key's: leave it out beside keyId.`)
}

async function vaultOf(request: Request, vaultId: string) {
  const vault = await lookedUpVault(request, vaultId)
  const { tenancyId } = request.caller.principal
  const isOurs = vault?.row.tenancyId === tenancyId
  const mayInspect = isAuthorized(request, ['VAULT_INSPECT'], isOurs ? vault.row.compartmentId : tenancyId)
  if (vault === undefined || !isOurs || !mayInspect) {
    throw notFoundOrForbidden({ name: 'noSuchVault', vaultId })
  }
  return vault
}
