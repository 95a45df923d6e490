import { rotated, rotationReminders } from '../keys/autoRotation.ts'
import { destroyKey, destroyVault, destroyVersion, type DestroyPorts } from './destroy.ts'
import { dueShards, eachDue, deleteReminder, type Due } from '../reminders.ts'
import { isKmsError } from '../../errors.ts'
import type { VaultKey } from '../keys/changeKey.ts'
import { createKeyVersion } from '../keys/keyVersions.ts'
import { commitOwn, keyStep } from '../keys/commitKey.ts'
import { newKeyVersion, newStamp } from '../keys/newKeyVersion.ts'
import type { AutoRotation } from '../rows/rows.ts'
import { completeKey } from '../keys/completeKey.ts'
import { systemMutation } from '../systemMutation.ts'
import type { Vault } from '../vaultCache.ts'

/**
 * Does everything that is due by now and of which this region is the primary. What fails stays due and blocks nothing
 * else. Returns how many reminders were worked off.
 */
export async function runDue(ports: DestroyPorts): Promise<number> {
  const now = new Date(ports.clock()).toISOString()
  const counts = await Promise.all(Array.from({ length: dueShards }, (_, shard) => workShard(ports, shard, now)))
  return counts.reduce((sum, count) => sum + count, 0)
}

async function workShard(ports: DestroyPorts, shard: number, now: string): Promise<number> {
  let worked = 0
  for await (const due of eachDue(ports.tables, shard)) {
    if (due.at > now) break
    try {
      await work(ports, due)
      worked += 1
    } catch (cause) {
      ports.log.error('What fell due could not be done; it is tried again.', cause, {
        vault: due.vaultId,
        key: due.keyId,
        kind: due.kind,
      })
    }
  }
  return worked
}

async function work(ports: DestroyPorts, due: Due): Promise<void> {
  const vault = await ports.cache.freshVault(due.vaultId)
  if (vault === undefined) return drop(ports, due)
  // Only the primary runs what falls due; this region was it when it wrote the reminder, and may be it again.
  if (vault.row.primaryRegion !== ports.region) return
  if (due.keyId === null) {
    // A vault that is being restored still shows when it was deleted.
    const { lifecycleState, timeOfDeletion } = vault.row
    const isDue = (lifecycleState === 'PENDING_DELETION' || lifecycleState === 'DELETED') && timeOfDeletion === due.at
    return isDue ? destroyVault(ports, vault, due) : drop(ports, due)
  }
  // A deleted vault's own reminder sees to its keys.
  if (vault.row.lifecycleState === 'DELETED') return drop(ports, due)
  const stored = await ports.cache.freshKey(vault.keys, due.keyId)
  if (stored === undefined) return drop(ports, due)
  const key = await completeKey(ports, vault, stored)
  if (due.kind === 'rotation') return rotate(ports, { vault, key }, due)
  if (due.materialId === null) {
    const isDue = key.timeOfDeletion === due.at
    return isDue ? destroyKey(ports, vault, key.id, due) : drop(ports, due)
  }
  const version = await ports.cache.freshVersion(vault.keys, key.id, due.materialId)
  const isDue = version?.lifecycleState === 'PENDING_DELETION' && version.timeOfDeletion === due.at
  if (!isDue) return drop(ports, due)
  if (!(await destroyVersion(ports, { vault, key }, version, due))) throw new Error('The key changed meanwhile.')
}

async function drop({ tables }: DestroyPorts, due: Due): Promise<void> {
  await tables.write([...deleteReminder(due)])
}

async function rotate(ports: DestroyPorts, loaded: VaultKey, due: Due): Promise<void> {
  const { vault, key } = loaded
  const plan = key.autoRotation
  if (
    !key.isAutoRotationEnabled ||
    plan === null ||
    plan.timeOfNextRotation !== due.at ||
    key.lifecycleState === 'DELETED'
  )
    return drop(ports, due)
  const obstacle = obstacleTo(vault, loaded)
  if (obstacle !== undefined) return postpone(ports, loaded, plan, obstacle)
  const mutation = systemMutation(ports, vault.row.tenancyId, 'RotateKey')
  try {
    await createKeyVersion(ports, mutation, loaded, {
      operation: 'CreateKeyVersion',
      make: async (into, of, stamp) => ({ ...(await newKeyVersion(ports, into, of, stamp)), isAutoRotated: true }),
      change: (current) => {
        const autoRotation = rotated(plan, { status: 'SUCCESS' }, ports.clock())
        return { set: { autoRotation }, also: rotationReminders(current.key, { ...current.key, autoRotation }) }
      },
    })
  } catch (cause) {
    // In strict mode the rotation stands and is handed off by the stream.
    if (!isKmsError(cause, 'handOffPending')) throw cause
  }
}

function obstacleTo({ row }: Vault, { key }: VaultKey): string | undefined {
  if (row.lifecycleState !== 'ACTIVE') return `The vault was ${row.lifecycleState}.`
  return key.lifecycleState === 'ENABLED' ? undefined : `The key was ${key.lifecycleState}.`
}

/** A key that cannot be rotated now is tried again at its next time, and says why it was not. */
async function postpone(
  ports: DestroyPorts,
  { vault, key }: VaultKey,
  plan: AutoRotation,
  message: string,
): Promise<void> {
  const autoRotation = rotated(plan, { status: 'FAILED', message }, ports.clock())
  const stamp = newStamp(ports, vault, {}, key.revision + 1)
  const step = await keyStep(ports, vault, key, { ...key, ...stamp, autoRotation })
  if (!(await commitOwn(ports, vault, step, rotationReminders(key, step.next))))
    throw new Error('The key changed meanwhile.')
}
