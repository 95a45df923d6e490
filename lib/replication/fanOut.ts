import { isKmsError } from '../errors.ts'
import { isAtLeast } from '../kms/rows/epoch.ts'
import type { KeyRow } from '../kms/rows/rows.ts'
import { completeKey } from '../kms/keys/completeKey.ts'
import type { Vault } from '../kms/vaultCache.ts'
import { storedWrappingKey, wrappingKey } from '../kms/vaults/wrappingKey.ts'
import { markAtRisk } from './atRisk.ts'
import { wantBackupKeys } from './tenancy/replicateBackupKeys.ts'
import { decideDeletion } from './tenancy/compartmentDeletion.ts'
import { enqueue, toPeer } from './messages/send.ts'
import type { Task } from './messages/task.ts'
import { sendRecords } from './handOff.ts'
import { sendIdentity } from './tenancy/replicateIdentity.ts'
import { driveLink } from './link/links.ts'
import { coveredOrder, isCovered } from './messages/receipts.ts'
import { keyRecords, vaultRecord, type KeyRecord } from './messages/record.ts'
import type { ReplicationPorts } from './replicationPorts.ts'

/** What changed, as the stream names it: the row is read again, so that a late event never sends old data. */
export type Changed =
  | { readonly kind: 'vault'; readonly vaultId: string }
  | { readonly kind: 'key'; readonly vaultId: string; readonly keyId: string }
  | { readonly kind: 'identity'; readonly tenancyId: string }
  | { readonly kind: 'compartmentDeletion'; readonly tenancyId: string; readonly compartmentId: string }

/**
 * The safety net behind the hand-off: everything that changed is sent at least once, unless the peer has said that it
 * has it. A peer that cannot be reached gets its share from the outbox, so that the stream goes on.
 */
export async function fanOut(ports: ReplicationPorts, changed: Changed): Promise<void> {
  if (changed.kind === 'identity') return fanOutIdentity(ports, changed.tenancyId)
  if (changed.kind === 'compartmentDeletion') return decideDeletion(ports, changed.tenancyId, changed.compartmentId)
  const vault = await ports.cache.freshVault(changed.vaultId)
  if (vault !== undefined && changed.kind === 'vault') await wantWrappingKey(ports, vault)
  if (vault?.row.primaryRegion !== ports.region) return
  const peer = vault.row.handOffTo
  if (peer === null) return changed.kind === 'vault' ? driveLink(ports, vault.row) : undefined
  try {
    await (changed.kind === 'vault' ? resendVault(ports, vault, peer) : resendKey(ports, vault, peer, changed.keyId))
  } catch (cause) {
    // A bug or a broken row must not pass for a peer that is down: it goes to the dead letters with its reason.
    if (isKmsError(cause, 'integrityFailure')) throw cause
    // Another request is at the key in this very moment: nothing is at risk, and the peer may well be there.
    if (isKmsError(cause, 'incorrectState')) return enqueue(ports, 'outbox', resendOf(changed))
    await storeForLater(ports, vault, peer, changed, cause)
  }
}

/** Made in the background and not here: it takes a second, and the stream would wait. */
async function wantWrappingKey(ports: ReplicationPorts, vault: Vault): Promise<void> {
  const { id, lifecycleState, primaryRegion } = vault.row
  if (!ports.preparesKeys || lifecycleState !== 'ACTIVE') return
  if (primaryRegion === ports.region && (await storedWrappingKey(ports, vault)) === undefined)
    await enqueue(ports, 'outbox', { task: 'makeWrappingKey', vaultId: id })
}

async function resendVault(ports: ReplicationPorts, vault: Vault, peer: string): Promise<void> {
  const { row } = vault
  if (await isCovered(ports.tables, vault, row)) return
  await sendRecords(ports, row, peer, [await vaultRecord(ports.tables, row)])
}

/** Also completes what a crash between commit and answer has left open. */
async function missingRecords(ports: ReplicationPorts, vault: Vault, keyId: string): Promise<readonly KeyRecord[]> {
  const stored = await ports.cache.freshKey(vault.keys, keyId)
  if (stored === undefined) return []
  const key = await completeKey(ports, vault, stored)
  const whole = await coveredOrder(ports.tables, vault, keyId)
  if (whole !== null && isAtLeast(whole, key)) return []
  return keyRecords(ports.tables, key, { whole })
}

async function resendKey(ports: ReplicationPorts, vault: Vault, peer: string, keyId: string): Promise<void> {
  await sendRecords(ports, vault.row, peer, await missingRecords(ports, vault, keyId))
}

/**
 * What a vault's replica lacks of several keys, in as few messages as it fits: one signature for all. Resolves with the
 * outcome of each key, in their order; a broken one keeps none of the others.
 */
export async function resendKeys(
  ports: ReplicationPorts,
  vaultId: string,
  keyIds: readonly string[],
): Promise<readonly PromiseSettledResult<unknown>[]> {
  const vault = await ports.cache.freshVault(vaultId)
  const peer = vault?.row.handOffTo
  if (vault === undefined || peer == null || vault.row.primaryRegion !== ports.region) {
    return keyIds.map(() => ({ status: 'fulfilled', value: undefined }))
  }
  const read = await Promise.allSettled(keyIds.map((keyId) => missingRecords(ports, vault, keyId)))
  const records = read.flatMap((outcome) => (outcome.status === 'fulfilled' ? outcome.value : []))
  const [sent] = await Promise.allSettled([sendRecords(ports, vault.row, peer, records)])
  return read.map((outcome) => (outcome.status === 'fulfilled' && outcome.value.length > 0 ? sent : outcome))
}

async function storeForLater(
  ports: ReplicationPorts,
  vault: Vault,
  peer: string,
  changed: Extract<Changed, { kind: 'vault' | 'key' }>,
  cause: unknown,
): Promise<void> {
  const { row, keys } = vault
  ports.log.warn('A peer cannot be reached; the change waits in the outbox.', {
    peer,
    vault: row.id,
    cause: String(cause),
  })
  const key: KeyRow | undefined = changed.kind === 'key' ? await ports.cache.freshKey(keys, changed.keyId) : undefined
  await markAtRisk(ports.tables, vault, peer, key ?? row, ports.clock())
  await enqueue(ports, 'outbox', resendOf(changed))
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
        try {
          await sendIdentity(ports, tenancyId, peer)
        } catch (cause) {
          ports.log.warn('A peer cannot be reached; identity waits in the outbox.', { peer, cause: String(cause) })
          await enqueue(ports, 'outbox', { task: 'resendIdentity', tenancyId, peer })
        }
      }),
  )
}

/** Does a task from the outbox. @throws where the peer still cannot be reached: the message then waits its time-out and comes again. */
export async function workOutbox(ports: ReplicationPorts, task: Task): Promise<void> {
  if (task.task === 'forward') return toPeer(ports, { region: task.to, name: task.queue }, task.envelope)
  if (task.task === 'resendIdentity') return sendIdentity(ports, task.tenancyId, task.peer)
  if (task.task === 'makeWrappingKey') return makeWrappingKey(ports, task.vaultId)
  if (task.task === 'wantBackupKeys') return wantBackupKeys(ports, task.tenancyId)
  if (task.task !== 'resendKey' && task.task !== 'resendVault')
    throw new Error(`A ${task.task} task does not belong in the outbox.`)
  const vault = await ports.cache.freshVault(task.vaultId)
  const peer = vault?.row.handOffTo
  if (vault === undefined || peer == null || vault.row.primaryRegion !== ports.region) return
  await (task.task === 'resendKey' ? resendKey(ports, vault, peer, task.keyId) : resendVault(ports, vault, peer))
}

async function makeWrappingKey(ports: ReplicationPorts, vaultId: string): Promise<void> {
  const vault = await ports.cache.freshVault(vaultId)
  if (vault?.row.primaryRegion !== ports.region || vault.row.lifecycleState !== 'ACTIVE') return
  await wrappingKey(ports, vault)
}
