import type { Hsm, VaultContext } from '../../hsm/hsm.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { storingKeys } from './storingKeys.ts'
import { vaultKeysSk, type VaultKeysRow } from '../vaultCache.ts'

/**
 * A private vault may have a partition of the HSM to itself. It is taken before the vault's rows are written, and destroyed
 * after they say that the vault is gone. What a crash leaves in between is made good at the next start (`settlePartition`).
 */

type Ports = Pick<KmsPorts, 'tables' | 'hsm'>

/** Where a transport key waits for a vault's keys. */
export function transportPk(vaultId: string): string {
  return `transport#${vaultId}`
}

/** How many are making something in a vault's partition now, by HSM and vault. */
const working = new WeakMap<Hsm, Map<string, number>>()
/** How many have ended doing so, of any vault: who looked before may have missed what they stored. */
const ended = new WeakMap<Hsm, number>()

/**
 * Does what takes a vault's partition and stores something that needs it. Where nothing is stored (undefined, or it throws),
 * the partition goes back, unless another call for the same vault goes on or has stored something.
 */
export async function keepingPartition<T>(ports: Ports, vault: VaultContext, store: () => Promise<T>): Promise<T> {
  const counts = working.get(ports.hsm) ?? new Map<string, number>()
  working.set(ports.hsm, counts)
  const count = (change: number) => counts.set(vault.vaultId, (counts.get(vault.vaultId) ?? 0) + change)
  count(1)
  let stored: T | undefined
  try {
    stored = await storingKeys(ports.hsm, store)
    return stored
  } finally {
    count(-1)
    ended.set(ports.hsm, (ended.get(ports.hsm) ?? 0) + 1)
    if (counts.get(vault.vaultId) === 0) counts.delete(vault.vaultId)
    if (stored === undefined) await settlePartition(ports, vault, 'neverWas')
  }
}

/** Destroys a partition that nothing stored needs any more. Again, it does nothing. */
export async function settlePartition(
  ports: Ports,
  vault: VaultContext,
  why: Parameters<Hsm['releasePartition']>[1],
): Promise<void> {
  let before: number | undefined
  do {
    before = ended.get(ports.hsm)
    if (!ports.hsm.hasPartition(vault) || (await isNeeded(ports, vault))) return
  } while (before !== ended.get(ports.hsm))
  // INVARIANT: nothing is awaited from here on. Whoever has begun meanwhile settles it in the end.
  if (working.get(ports.hsm)?.has(vault.vaultId) !== true) ports.hsm.releasePartition(vault, why)
}

/** By the vault's wrapped keys, of which a deleted one has the MAC key alone; or by a transport key. */
async function isNeeded({ tables }: Ports, { vaultId }: VaultContext): Promise<boolean> {
  const keys = (await tables.get('Vaults', vaultId, vaultKeysSk)) as VaultKeysRow | undefined
  if (keys !== undefined && keys.wrapped.hsmKek !== null) return true
  const waiting = await tables.query('Replication', transportPk(vaultId), '', { limit: 1 })
  return waiting.items.length > 0
}

/** At the start, before anything else is done: what a crash left taken for nothing. */
export async function settlePartitions(ports: Ports, vaults: readonly VaultContext[]): Promise<void> {
  for (const vault of vaults) {
    const keys = (await ports.tables.get('Vaults', vault.vaultId, vaultKeysSk)) as VaultKeysRow | undefined
    await settlePartition(ports, vault, keys === undefined ? 'neverWas' : 'isDeleted')
  }
}
