import { deleteReminder, type Due } from '../reminders.ts'
import { everyKeyId } from '../rows/everyKey.ts'
import type { KmsPorts } from '../kmsPorts.ts'
import { keyEffect, type ManagePorts, type VaultKey } from '../keys/changeKey.ts'
import { newEtag, putOver } from '../mutation.ts'
import { untilCommitted } from '../untilCommitted.ts'
import { rotationReminders } from '../keys/autoRotation.ts'
import { newStamp } from '../keys/newKeyVersion.ts'
import { versionContext } from '../rows/versionContext.ts'
import { eachVersion } from '../rows/pages.ts'
import type { Write } from '../../ports.ts'
import type { KeyRow, KeyVersionRow } from '../rows/rows.ts'
import { verifiedRow, versionWithMac, wrappingKeyWithMac, vaultContext } from '../rows/rowMac.ts'
import { commitOwn, keyStep } from '../keys/commitKey.ts'
import { isComplete, completeUnlessDeleted } from '../keys/completeKey.ts'
import { systemAudit } from '../systemMutation.ts'
import { storedVaultKeys, vaultKeysSk, type Vault, type VaultKeysRow } from '../vaultCache.ts'
import { currentVault, freshVault, nextVault, vaultEffect } from '../vaults/vaults.ts'
import { settlePartition } from '../vaults/partition.ts'
import { storingKeys } from '../vaults/storingKeys.ts'
import { storedWrappingKey } from '../vaults/wrappingKey.ts'

/**
 * What is due for deletion goes in an order that a crash cannot spoil: first whatever lets it be used, in the same write
 * as its state; then, page by page, the material of everything below it; the reminder last, so that a sweep that was cut
 * off begins again.
 */

export type DestroyPorts = ManagePorts & Pick<KmsPorts, 'hsm' | 'log'>

/** How many versions one transaction destroys beside its other writes. */
const batchSize = 80

/** The KEKs go first: from then on nothing under the vault opens. Its MAC key stays, so that its rows still verify. */
export async function destroyVault(ports: DestroyPorts, vault: Vault, due: Due): Promise<void> {
  const gone = vault.row.lifecycleState === 'DELETED' ? vault : await destroyVaultKeys(ports, vault)
  await settlePartition(ports, vaultContext(gone.row), 'isDeleted')
  for await (const id of everyKeyId(ports.tables, gone.row.id)) await destroyKey(ports, gone, id)
  await ports.tables.write([...deleteReminder(due)])
}

async function destroyVaultKeys(ports: DestroyPorts, loaded: Vault): Promise<Vault> {
  const row = await untilCommitted(ports, async (round) => {
    const vault = await currentVault(ports, loaded, round)
    const next = nextVault(ports, vault, { lifecycleState: 'DELETED', etag: newEtag(ports.random), request: null })
    const outcome = await storingKeys(ports.hsm, async () => {
      const writes = [...(await withoutKeks(ports, vault)), ...(await withoutWrappingKey(ports, vault))]
      return ports.tables.write([
        putOver('Vaults', next, vault.row),
        ...writes,
        ...systemAudit(ports, next.tenancyId, 'DeleteVault', vaultEffect(next, vault.row)),
      ])
    })
    return outcome.ok ? next : undefined
  })
  await ports.handOff.send({ vault: { row, keys: loaded.keys } })
  return freshVault(ports, row.id)
}

/** A region's own copy of a vault's keys, with nothing left but the MAC key. */
export async function withoutKeks(
  { tables, hsm }: Pick<KmsPorts, 'tables' | 'hsm'>,
  { row }: Vault,
): Promise<readonly Write[]> {
  const wrapped = await storedVaultKeys(tables, row.id)
  if (wrapped === undefined) return []
  const emptied = { ...hsm.withoutKeks(vaultContext(row), wrapped) }
  const item: VaultKeysRow = { pk: row.id, sk: vaultKeysSk, wrapped: emptied }
  return [{ op: 'put', table: 'Vaults', item: { ...item } }]
}

async function withoutWrappingKey(ports: DestroyPorts, vault: Vault): Promise<readonly Write[]> {
  const stored = await storedWrappingKey(ports, vault)
  if (stored === undefined) return []
  const revision = vault.row.revision + 1
  const gone = wrappingKeyWithMac(vault.keys, { ...stored, lifecycleState: 'DELETED', wrapped: null, revision })
  return [{ op: 'put', table: 'Vaults', item: { ...gone } }]
}

/** A whole key: its state first, then the material of all its versions. `due` goes with the last of them. */
export async function destroyKey(ports: DestroyPorts, vault: Vault, keyId: string, due?: Due): Promise<void> {
  for (;;) {
    const stored = await ports.cache.freshKey(vault.keys, keyId)
    if (stored === undefined) return
    const key = await completeUnlessDeleted(ports, vault, stored)
    const left = await versionsLeft(ports, { vault, key })
    if (key.lifecycleState === 'DELETED' && left.length === 0) {
      if (due !== undefined) await ports.tables.write([...deleteReminder(due)])
      return
    }
    const versions = left.slice(0, batchSize)
    const isLast = versions.length === left.length
    const isFirst = key.lifecycleState !== 'DELETED'
    const isWritten = await writeDestroyed(ports, { vault, key }, versions, {
      lifecycleState: 'DELETED',
      timeOfDeletion: key.timeOfDeletion ?? vault.row.timeOfDeletion,
      also: (next) => [
        ...(isFirst ? systemAudit(ports, vault.row.tenancyId, 'DeleteKey', keyEffect(next, key)) : []),
        ...(isFirst ? rotationReminders(key, { ...key, isAutoRotationEnabled: false }) : []),
        ...(isLast && due !== undefined ? deleteReminder(due) : []),
      ],
    })
    if (isWritten && isLast) return
  }
}

/** One version; its key moves along with its revision and its count. */
export async function destroyVersion(
  ports: DestroyPorts,
  loaded: VaultKey,
  version: KeyVersionRow,
  due: Due,
): Promise<boolean> {
  const { key, vault } = loaded
  const effect = { ...keyEffect(key), resourceId: version.id, current: { lifecycleState: 'DELETED' } }
  return writeDestroyed(ports, loaded, [version], {
    lifecycleState: key.lifecycleState,
    timeOfDeletion: key.timeOfDeletion,
    also: () => [...systemAudit(ports, vault.row.tenancyId, 'DeleteKeyVersion', effect), ...deleteReminder(due)],
  })
}

interface Destroyed extends Pick<KeyRow, 'lifecycleState' | 'timeOfDeletion'> {
  readonly also: (next: KeyRow) => readonly Write[]
}

/** False where another request changed the key meanwhile. */
async function writeDestroyed(
  ports: DestroyPorts,
  { vault, key }: VaultKey,
  versions: readonly KeyVersionRow[],
  { lifecycleState, timeOfDeletion, also }: Destroyed,
): Promise<boolean> {
  // The revision after an incomplete key's is taken by its enabled form, which the replica may have already.
  const stamp = newStamp(ports, vault, {}, key.revision + (isComplete(key) ? 1 : 2))
  const versionCount = key.versionCount - versions.length
  const steps = versions.map((previous) => ({
    previous,
    next: versionWithMac(vault.keys, {
      ...previous,
      ...stamp,
      lifecycleState: 'DELETED',
      timeOfDeletion: previous.timeOfDeletion ?? timeOfDeletion,
      wrapped: null,
    }),
  }))
  const step = await keyStep(
    ports,
    vault,
    key,
    { ...key, ...stamp, lifecycleState, timeOfDeletion, versionCount },
    steps,
  )
  if (!(await commitOwn(ports, vault, step, also(step.next)))) return false
  dropHandles({ vault, key }, versions)
  return true
}

/** What is opened in memory goes with the material. */
function dropHandles({ vault, key }: VaultKey, versions: readonly KeyVersionRow[]): void {
  for (const { materialId, wrapped } of versions) {
    if (wrapped !== null) vault.keys.dropHandle(versionContext(key, materialId), wrapped)
  }
}

async function versionsLeft(ports: DestroyPorts, { vault, key }: VaultKey): Promise<readonly KeyVersionRow[]> {
  const found: KeyVersionRow[] = []
  for await (const stored of eachVersion(ports.tables, key.id)) {
    const version = verifiedRow<KeyVersionRow>(vault.keys, 'vaultspan/key-version-row/1', stored)
    if (version.lifecycleState !== 'DELETED' && found.push(version) > batchSize) break
  }
  return found
}
