import { notFoundOrForbidden } from '../../errors.ts'
import { keyEffect, keyOfEarlier, requireWritable, type ManagePorts } from '../keys/changeKey.ts'
import { bookkeeping, earlierResult, requireResultIs, type Mutation } from '../mutation.ts'
import type { KeyRow } from '../rows/rows.ts'
import { requireRoomForVersion } from '../usage/serviceLimits.ts'
import type { Vault } from '../vaults/vaultCache.ts'
import { damaged, parseBackup, requireIntact, type KeyBackup } from './backupDocument.ts'
import { restoredKeyId, restoreKey, type RestoreOptions } from './restoreKey.ts'

/** @throws KmsError invalidParameter where the text is no backup of a key. Nothing is verified yet. */
export function openKeyBackup(text: string): KeyBackup {
  const backup = parseBackup<KeyBackup>('vaultspan/key-backup/1', text)
  const { saved } = backup as { readonly saved?: { readonly key?: Partial<KeyRow>; readonly versions?: unknown } }
  if (typeof saved?.key?.compartmentId !== 'string' || !Array.isArray(saved.versions)) throw damaged()
  return backup
}

/** A key comes back into its own vault, or into the one that was restored from that in another region. */
export async function restoreKeyBackup(
  ports: ManagePorts,
  mutation: Mutation,
  vault: Vault,
  backup: KeyBackup,
  compartmentFor: RestoreOptions['compartmentFor'],
): Promise<KeyRow> {
  const isOurs = backup.vaultId === vault.row.id || backup.vaultId === vault.row.restoredFromVaultId
  if (!isOurs || backup.tenancyId !== vault.row.tenancyId) throw notFoundOrForbidden()
  requireIntact(vault.keys, backup)
  const earlier = await earlierResult(ports, mutation)
  if (earlier !== undefined) {
    requireResultIs(earlier, restoredKeyId(ports, vault, backup.saved.key))
    return keyOfEarlier(ports, vault, earlier)
  }
  requireWritable(ports, vault)
  await requireRoomForVersion(ports, vault.row, backup.saved.key)
  const from = { ...vault.row, id: backup.saved.key.vaultId }
  const also = (key: KeyRow) => bookkeeping(mutation, keyEffect(key), key.etag)
  return restoreKey(ports, vault, backup.saved, { from, compartmentFor, also })
}
