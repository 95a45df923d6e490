import { KmsError } from '../../errors.ts'
import { keyEffect, keyOfEarlier, requireWritable, type ManagePorts } from '../keys/changeKey.ts'
import { bookkeeping, type Mutation, type RequestRow } from '../mutation.ts'
import { idempotent } from '../requestedChange.ts'
import type { KeyRow } from '../rows/rows.ts'
import { requireRoomForVersion } from '../usage/serviceLimits.ts'
import type { Vault } from '../vaultCache.ts'
import { damaged, parseBackup, requireIntact, type KeyBackup } from './backupDocument.ts'
import { restoredKeyId, restoreKey, type RestoreOptions } from './restoreKey.ts'

/**
 * A backup of a key of this vault, or of the vault that this one was restored from: they have one MAC key. Nothing of a
 * file is acted on before this.
 * @throws KmsError invalidParameter, one for every file that is not such a backup.
 */
export function openKeyBackup(vault: Vault, text: string): KeyBackup {
  const backup = parseBackup<KeyBackup>('vaultspan/key-backup/1', text)
  requireIntact(vault.keys, backup)
  const isOurs = backup.vaultId === vault.row.id || backup.vaultId === vault.row.restoredFromVaultId
  if (!isOurs || backup.tenancyId !== vault.row.tenancyId) throw damaged()
  return backup
}

/** A key comes back into its own vault, or into the one that was restored from that in another region. */
export async function restoreKeyBackup(
  ports: ManagePorts,
  mutation: Mutation,
  vault: Vault,
  backup: KeyBackup,
  {
    compartmentFor,
    requireRight,
  }: Pick<RestoreOptions, 'compartmentFor'> & Required<Pick<RestoreOptions, 'requireRight'>>,
): Promise<KeyRow> {
  const { key } = backup.saved
  requireRight(key.compartmentId)
  requireRight(compartmentFor(key.compartmentId))
  const resourceId = restoredKeyId(ports, vault, key)
  const earlier = (found: RequestRow) => keyOfEarlier(ports, vault, found)
  return idempotent(ports, mutation, { resourceId, earlier }, async () => {
    requireWritable(ports, vault)
    await requireRoomForVersion(ports, vault, key)
    const from = { ...vault.row, id: key.vaultId }
    const also = (row: KeyRow) => bookkeeping(mutation, keyEffect(row), row.etag)
    const restored = await restoreKey(ports, vault, backup.saved, { from, compartmentFor, requireRight, also })
    if (restored !== undefined) return restored
    throw new KmsError('conflict', 'Every version in this backup was destroyed before its key was deleted.')
  })
}
