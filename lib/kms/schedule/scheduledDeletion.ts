import { deletionTime } from './deletionTime.ts'
import { deleteReminder, latestKeyDeletion, storeReminder, type Due } from '../reminders.ts'
import { KmsError } from '../../errors.ts'
import { changeKey, type ManagePorts, type VaultKey } from '../keys/changeKey.ts'
import { changeKeyVersion } from '../keys/keyVersions.ts'
import { requireVaultState } from '../rows/lifecycle.ts'
import type { Mutation } from '../mutation.ts'
import { eachVersion } from '../rows/pages.ts'
import type { Tables } from '../../ports.ts'
import type { KeyRow, KeyVersionRow, VaultRow } from '../rows/rows.ts'
import type { Vault } from '../vaultCache.ts'
import { changeVault } from '../vaults/vaults.ts'

/** In all of these `wanted`, where it is undefined, asks for the latest time there is. */

/** The vault's keys follow it without a write of their own (lifecycle.ts, effectiveKey). */
export function scheduleVaultDeletion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: Vault,
  wanted: Date | undefined,
): Promise<VaultRow> {
  return changeVault(ports, mutation, loaded, async (vault) => {
    requireVaultState('ScheduleVaultDeletion', vault)
    const at = deletionTime(ports.clock(), wanted)
    const latest = await latestKeyDeletion(ports.tables, vault.id)
    if (latest !== undefined && latest > at) {
      throw new KmsError(
        'conflict',
        `A key of this vault is to be deleted at ${latest}, after the vault; choose a later timeOfDeletion or cancel the key's deletion.`,
      )
    }
    return { set: { lifecycleState: 'PENDING_DELETION', timeOfDeletion: at }, also: storeReminder(vaultDue(vault, at)) }
  })
}

export function cancelVaultDeletion(ports: ManagePorts, mutation: Mutation, loaded: Vault): Promise<VaultRow> {
  return changeVault(ports, mutation, loaded, (vault) => {
    requireVaultState('CancelVaultDeletion', vault)
    return {
      set: { lifecycleState: 'ACTIVE', timeOfDeletion: null },
      also: deleteReminder(vaultDue(vault, vault.timeOfDeletion)),
    }
  })
}

export function scheduleKeyDeletion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  wanted: Date | undefined,
): Promise<KeyRow> {
  return changeKey(ports, mutation, loaded, 'ScheduleKeyDeletion', async ({ key }) => {
    const at = deletionTime(ports.clock(), wanted)
    const latest = await latestVersionDeletion(ports.tables, key.id)
    if (latest !== undefined && latest > at) {
      throw new KmsError(
        'conflict',
        `A version of this key is to be deleted at ${latest}, after the key; choose a later timeOfDeletion or cancel the version's deletion.`,
      )
    }
    // INVARIANT: the life-cycle table lets only an ENABLED or DISABLED key come here.
    const before = key.lifecycleState === 'DISABLED' ? 'DISABLED' : 'ENABLED'
    return {
      set: { lifecycleState: 'PENDING_DELETION', timeOfDeletion: at, stateBeforeDeletion: before },
      also: storeReminder(keyDue(key, at)),
    }
  })
}

export function cancelKeyDeletion(ports: ManagePorts, mutation: Mutation, loaded: VaultKey): Promise<KeyRow> {
  return changeKey(ports, mutation, loaded, 'CancelKeyDeletion', ({ key }) => ({
    set: { lifecycleState: key.stateBeforeDeletion ?? 'ENABLED', timeOfDeletion: null, stateBeforeDeletion: null },
    also: deleteReminder(keyDue(key, key.timeOfDeletion)),
  }))
}

export function scheduleKeyVersionDeletion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  keyVersionId: string,
  wanted: Date | undefined,
): Promise<KeyVersionRow> {
  const change = { keyVersionId, operation: 'ScheduleKeyVersionDeletion' } as const
  return changeKeyVersion(ports, mutation, loaded, change, ({ key }, version) => {
    if (key.currentKeyVersion === version.id) {
      throw new KmsError('conflict', 'The current version of a key cannot be deleted; rotate the key first.')
    }
    const at = deletionTime(ports.clock(), wanted)
    return {
      set: { lifecycleState: 'PENDING_DELETION', timeOfDeletion: at },
      also: storeReminder(versionDue(version, at)),
    }
  })
}

export function cancelKeyVersionDeletion(
  ports: ManagePorts,
  mutation: Mutation,
  loaded: VaultKey,
  keyVersionId: string,
): Promise<KeyVersionRow> {
  const change = { keyVersionId, operation: 'CancelKeyVersionDeletion' } as const
  return changeKeyVersion(ports, mutation, loaded, change, (_, version) => ({
    set: { lifecycleState: 'ENABLED', timeOfDeletion: null },
    also: deleteReminder(versionDue(version, version.timeOfDeletion)),
  }))
}

function vaultDue({ id }: VaultRow, at: string | null): Due {
  return { kind: 'deletion', vaultId: id, keyId: null, materialId: null, at: at ?? '' }
}

function keyDue({ id, vaultId }: KeyRow, at: string | null): Due {
  return { kind: 'deletion', vaultId, keyId: id, materialId: null, at: at ?? '' }
}

function versionDue({ keyId, vaultId, materialId }: KeyVersionRow, at: string | null): Due {
  return { kind: 'deletion', vaultId, keyId, materialId, at: at ?? '' }
}

async function latestVersionDeletion(tables: Pick<Tables, 'query'>, keyId: string): Promise<string | undefined> {
  const times: string[] = []
  for await (const { lifecycleState, timeOfDeletion } of eachVersion(tables, keyId)) {
    if (lifecycleState === 'PENDING_DELETION' && timeOfDeletion !== null) times.push(timeOfDeletion)
  }
  return times.sort().at(-1)
}
