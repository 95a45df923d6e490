import { notFoundOrForbidden, type KmsError } from '../errors.ts'
import { isAtLeast, type Order } from '../kms/rows/epoch.ts'
import type { KmsPorts } from '../kms/kmsPorts.ts'
import { vaultPrefixOf } from '../ocid.ts'
import type { KeyRow, VaultRow } from '../kms/rows/rows.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { linkState, type LinkState } from './compared.ts'
import { coverageOf } from './coverage.ts'
import { lastReceipt, type Receipt, type ReceiptRow } from './messages/receipts.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { parseReplicationId, type ChangeOf } from './replicationId.ts'

export interface ReplicationStatus {
  readonly region: string
  readonly status: 'REPLICATING' | 'REPLICATED'
  /** In the primary only, which alone can tell. */
  readonly link?: LinkState
}

type RowPorts = Pick<KmsPorts, 'tables' | 'cache' | 'region'>
type StatusPorts = RowPorts & Pick<ReplicationPorts, 'lag'>

/** @throws KmsError notAuthorizedOrNotFound for an id that no change of this vault ever had. */
export async function replicationStatus(
  ports: StatusPorts,
  vault: Vault,
  id: string,
): Promise<readonly ReplicationStatus[]> {
  const { change, stored } = await knownChange(ports, vault, id)
  const region = vault.row.replicaRegion
  if (region === null) return []
  if (vault.row.primaryRegion !== ports.region) {
    const isHere = isAtLeast((await storedHere(ports, vault, stored)) ?? undefined, change)
    return [{ region, status: isHere ? 'REPLICATED' : 'REPLICATING' }]
  }
  const isThere = (await arrival(ports, vault, change, stored)) !== undefined
  const link = await linkState(ports, vault)
  // Nobody but the caller may know yet that this change waits.
  const waits = [link.oldestWaitingSince, isThere ? null : stored.committedAt].filter((since) => since !== null)
  const oldestWaitingSince = waits.length === 0 ? null : Math.min(...waits)
  return [{ region, status: isThere ? 'REPLICATED' : 'REPLICATING', link: { ...link, oldestWaitingSince } }]
}

/** A change that the vault had, and the row of its resource as it stands. @throws as replicationStatus. */
export async function knownChange(
  { cache }: Pick<RowPorts, 'cache'>,
  vault: Vault,
  id: string,
): Promise<{ readonly change: ChangeOf; readonly stored: KeyRow | VaultRow }> {
  const change = parseReplicationId(id)
  if (change === undefined) throw noSuchReplication(id)
  const isOurs = vaultPrefixOf(change.id) === vault.row.vaultPrefix
  const key = isOurs ? await cache.freshKey(vault.keys, change.id) : undefined
  const stored = change.id === vault.row.id ? vault.row : key
  if (stored === undefined || !isAtLeast(stored, change)) throw noSuchReplication(id)
  return { change, stored }
}

function noSuchReplication(replicationId: string): KmsError {
  return notFoundOrForbidden({ name: 'noSuchReplication', replicationId })
}

/** In the primary: the verified receipt by which its replica has the change; undefined: none, or one that is not to be believed. */
export async function arrival(
  { tables }: Pick<RowPorts, 'tables'>,
  vault: Vault,
  change: ChangeOf,
  stored: KeyRow | VaultRow,
): Promise<ReceiptRow | undefined> {
  const last = await lastReceipt(tables, vault, change.id)
  return last !== undefined && isAtLeast(last.receipt.covered, change) && isOf(last.receipt, stored) ? last : undefined
}

/** A receipt for the state that stands here must be for the very rows that stand here; of an earlier one it can be told no more. */
function isOf({ covered, digest, versions }: Receipt, stored: KeyRow | VaultRow): boolean {
  if (!isSame(covered, stored)) return true
  return digest === stored.mac && (versions ?? undefined) === versionsOf(stored)
}

export function versionsOf(stored: KeyRow | VaultRow): string | undefined {
  return stored.format === 'vaultspan/key-row/1' ? stored.versionsDigest : undefined
}

function isSame(a: Order, b: Order): boolean {
  return a.epoch === b.epoch && a.revision === b.revision
}

/** In the replica: what it has every row of. A vault's row is whole by itself. */
async function storedHere(ports: RowPorts, vault: Vault, stored: KeyRow | VaultRow): Promise<Order | null | undefined> {
  return stored.id === vault.row.id ? stored : (await coverageOf(ports, vault, stored.id))?.whole
}
