import { isKmsError } from '../errors.ts'
import { storedWrappingKey } from '../kms/vaults/wrappingKey.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { sendRecords } from './handOff.ts'
import { owe } from './lane/owe.ts'
import { park } from './lane/parked.ts'
import { isAway } from './lane/peerLane.ts'
import { sendIdentityOrPark } from './lane/sendIdentityOrPark.ts'
import { driveLink } from './link/links.ts'
import { enqueue } from './messages/send.ts'
import type { Task } from './messages/task.ts'
import type { ReplicationPorts } from './replicationPorts.ts'
import { missingRecords } from './resend.ts'
import { decideDeletion } from './tenancy/compartmentDeletion.ts'

/** What changed, as the stream names it: the row is read again, so that a late event never sends old data. */
export type Changed =
  | { readonly kind: 'vault'; readonly vaultId: string }
  | { readonly kind: 'key'; readonly vaultId: string; readonly keyId: string }
  | { readonly kind: 'identity'; readonly tenancyId: string }
  | { readonly kind: 'compartmentDeletion'; readonly tenancyId: string; readonly compartmentId: string }

/** Whoever works several changes reads each of their vaults once. */
export type ReadVault = (vaultId: string) => Promise<Vault | undefined>

/**
 * The safety net behind the hand-off: everything that changed is sent at least once, unless the peer has said that it
 * has it. A peer that cannot be reached gets its share later, by its lane, so that the stream goes on.
 */
export async function fanOut(
  ports: ReplicationPorts,
  changed: Changed,
  readVault: ReadVault = (vaultId) => ports.cache.freshVault(vaultId),
): Promise<void> {
  if (changed.kind === 'identity') return fanOutIdentity(ports, changed.tenancyId)
  if (changed.kind === 'compartmentDeletion') return decideDeletion(ports, changed.tenancyId, changed.compartmentId)
  const vault = await readVault(changed.vaultId)
  if (vault !== undefined && changed.kind === 'vault') await wantWrappingKey(ports, vault)
  if (vault?.row.primaryRegion !== ports.region) return
  const peer = vault.row.handOffTo
  if (peer === null) return changed.kind === 'vault' ? driveLink(ports, vault.row) : undefined
  const id = changed.kind === 'vault' ? vault.row.id : changed.keyId
  try {
    const records = await missingRecords(ports, vault, id)
    if (records.length === 0) return
    if (await isAway(ports, peer)) await owe(ports, vault, peer, id)
    else await sendRecords(ports, vault.row, peer, records)
  } catch (cause) {
    // A bug or a broken row must not pass for a peer that is down: it goes to the dead letters with its reason.
    if (isKmsError(cause, 'integrityFailure')) throw cause
    // Another request is at the key in this very moment: nothing is at risk, and the peer may well be there.
    if (isKmsError(cause, 'incorrectState')) return enqueue(ports, 'outbox', resendOf(changed))
    ports.log.warn('A peer cannot be reached; the change waits for it.', {
      peer,
      vault: vault.row.id,
      cause: String(cause),
    })
    await owe(ports, vault, peer, id)
  }
}

/**
 * Made in the background and not here: it takes a second, and the stream would wait. By the outcome queue, because on AWS whoever
 * works that opens vaults anyhow, and whoever works the stream and the outbox opens none.
 */
async function wantWrappingKey(ports: ReplicationPorts, vault: Vault): Promise<void> {
  const { id, lifecycleState, primaryRegion } = vault.row
  if (!ports.preparesKeys || lifecycleState !== 'ACTIVE') return
  if (primaryRegion === ports.region && (await storedWrappingKey(ports, vault)) === undefined)
    await enqueue(ports, 'outcome', { task: 'makeWrappingKey', vaultId: id })
}

function resendOf(changed: Extract<Changed, { kind: 'vault' | 'key' }>): Task {
  const { vaultId } = changed
  return changed.kind === 'key'
    ? { task: 'resendKey', vaultId, keyId: changed.keyId }
    : { task: 'resendVault', vaultId }
}

async function fanOutIdentity(ports: ReplicationPorts, tenancyId: string): Promise<void> {
  if (ports.region !== ports.homeRegion) return
  await Promise.all(
    ports.regions
      .filter((peer) => peer !== ports.region)
      .map(async (peer) => {
        if (await isAway(ports, peer)) await park(ports, peer, { kind: 'identity', tenancyId })
        else await sendIdentityOrPark(ports, tenancyId, peer)
      }),
  )
}
