import { notFoundOrForbidden } from '../errors.ts'
import { isAtLeast, type Order } from '../kms/rows/epoch.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import { vaultPrefixOf } from '../ocid.ts'
import type { VaultRow } from '../kms/rows/rows.ts'
import type { Vault } from '../kms/vaults/vaultCache.ts'
import { coverageOf } from './coverage.ts'
import { coveredOrder } from './messages/receipts.ts'

export interface ReplicationStatus {
  readonly region: string
  readonly status: 'REPLICATING' | 'REPLICATED'
}

/**
 * `resource` is the vault or the key; a key version's change is its key's, at the version's revision.
 * Every change of a replicated vault has an id that says which resource and which revision it is about. So the id needs
 * no row, is the same in both regions, and never expires.
 */
export function replicationId(vault: VaultRow, resource: Order & { readonly id: string }): string | null {
  if (vault.replicaRegion === null) return null
  return Buffer.from(JSON.stringify([resource.id, resource.epoch, resource.revision])).toString('base64url')
}

type StatusPorts = Pick<KmsPorts, 'tables' | 'cache' | 'region'>

/** @throws KmsError notAuthorizedOrNotFound for an id that no change of this vault ever had. */
export async function replicationStatus(
  ports: StatusPorts,
  vault: Vault,
  id: string,
): Promise<readonly ReplicationStatus[]> {
  const operation = parse(id)
  if (operation === undefined) throw notFoundOrForbidden()
  const stored = await resourceOf(ports, vault, operation.id)
  if (!isAtLeast(stored, operation)) throw notFoundOrForbidden()
  const region = vault.row.replicaRegion
  if (region === null) return []
  const covered = (await reached(ports, vault, operation.id, stored)) ?? undefined
  return [{ region, status: isAtLeast(covered, operation) ? 'REPLICATED' : 'REPLICATING' }]
}

/** The primary knows by receipts, the replica by the rows it has; a vault's row is whole by itself. */
async function reached(
  ports: StatusPorts,
  vault: Vault,
  id: string,
  stored: Order | undefined,
): Promise<Order | null | undefined> {
  if (vault.row.primaryRegion === ports.region) return coveredOrder(ports.tables, vault, id)
  return id === vault.row.id ? stored : (await coverageOf(ports, vault, id))?.whole
}

async function resourceOf({ cache }: StatusPorts, vault: Vault, id: string): Promise<Order | undefined> {
  if (id === vault.row.id) return vault.row
  return vaultPrefixOf(id) === vault.row.vaultPrefix ? cache.freshKey(vault.keys, id) : undefined
}

function parse(id: string): (Order & { id: string }) | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(id, 'base64url').toString())
    if (!Array.isArray(value) || value.length !== 3) return undefined
    const [of, epoch, revision] = value as readonly unknown[]
    if (typeof of !== 'string' || typeof epoch !== 'string' || typeof revision !== 'number') return undefined
    return { id: of, epoch, revision }
  } catch {
    return undefined
  }
}
