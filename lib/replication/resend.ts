import { isAtLeast } from '../kms/rows/epoch.ts'
import { completeKey } from '../kms/keys/completeKey.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { sendRecords } from './handOff.ts'
import { coveredOrder, isCovered } from './messages/receipts.ts'
import { keyRecords, vaultRecord, type KeyRecord, type VaultRecord } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** What a replica is not known to have of a vault's own row, or of one of its keys. */
export async function missingRecords(
  ports: ReplicationPorts,
  vault: Vault,
  id: string,
): Promise<readonly (KeyRecord | VaultRecord)[]> {
  if (id !== vault.row.id) return missingOfKey(ports, vault, id)
  return (await isCovered(ports.tables, vault, vault.row)) ? [] : [await vaultRecord(ports.tables, vault.row)]
}

/** Also completes what a crash between commit and answer has left open. */
async function missingOfKey(ports: ReplicationPorts, vault: Vault, keyId: string): Promise<readonly KeyRecord[]> {
  const stored = await ports.cache.freshKey(vault.keys, keyId)
  if (stored === undefined) return []
  const key = await completeKey(ports, vault, stored)
  const whole = await coveredOrder(ports.tables, vault, keyId)
  if (whole !== null && isAtLeast(whole, key)) return []
  return keyRecords(ports.tables, key, { whole })
}

/** The vault, where this region writes it and has handed its changes off to a replica since; and that replica's region. */
export async function handedOff(
  ports: Pick<ReplicationPorts, 'cache' | 'region'>,
  vaultId: string,
): Promise<{ readonly vault: Vault; readonly peer: string } | undefined> {
  const vault = await ports.cache.freshVault(vaultId)
  const peer = vault?.row.handOffTo
  if (vault === undefined || peer == null || vault.row.primaryRegion !== ports.region) return undefined
  return { vault, peer }
}

/**
 * What a vault's replica lacks of several keys, in as few messages as it fits: one signature for all. Resolves with the
 * outcome for each of them.
 */
export async function resendKeys(
  ports: ReplicationPorts,
  { vault, peer }: { readonly vault: Vault; readonly peer: string },
  keyIds: readonly string[],
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const read = await Promise.allSettled(keyIds.map((keyId) => missingRecords(ports, vault, keyId)))
  const records = read.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  const [sent] = await Promise.allSettled([sendRecords(ports, vault.row, peer, records)])
  return read.map((outcome) => (outcome.status === 'fulfilled' && outcome.value.length > 0 ? sent : outcome))
}
