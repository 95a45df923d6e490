import { unchangedSince } from '../../kms/mutation.ts'
import type { Tables, Write } from '../../ports.ts'

/**
 * The smallest number an envelope must carry to be taken for a vault. Raised when a replica is deleted; it has no
 * expiry, because an envelope may come late by any time.
 */
function fencePk(vaultId: string): string {
  return `fence#${vaultId}`
}
const fenceSk = 'fence'

export async function knownFence(tables: Pick<Tables, 'get'>, vaultId: string): Promise<number | undefined> {
  return (await tables.get('Replication', fencePk(vaultId), fenceSk))?.revision
}

/** Holds while the fence is where it was read: nothing that a purge has taken away since comes back. */
export function fenceStands(vaultId: string, known: number | undefined): Write {
  const condition = unchangedSince(known === undefined ? undefined : { revision: known })
  return { op: 'check', table: 'Replication', pk: fencePk(vaultId), sk: fenceSk, condition }
}

/** Holds where the fence is lower than this or absent. */
export function raiseFence(vaultId: string, fence: number): Write {
  const item = { pk: fencePk(vaultId), sk: fenceSk, epoch: '', revision: fence }
  return { op: 'put', table: 'Replication', item, condition: { kind: 'newer', epoch: '', revision: fence } }
}
