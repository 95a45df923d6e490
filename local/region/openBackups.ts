import { join } from 'node:path'
import type { BackupStore } from '../../lib/kms/backup/backupPlace.ts'
import { createBackupStore } from '../../lib/store/backups/backupStore.ts'
import { directoryRoot } from '../../lib/store/backups/directoryRoot.ts'
import { memoryRoot } from '../../lib/store/backups/memoryRoot.ts'
import type { CloudSettings } from '../cloudSettings.ts'

/** Contract §7.2. */
export const maxFileBytes = 25 * 1024 * 1024

/** Where backups are kept: as the settings say, below the data directory, or in memory. All regions share one, so that a backup opens in another. */
export function openBackups(
  path: string | undefined,
  { backupRoot, backupUriHosts }: Pick<CloudSettings, 'backupRoot' | 'backupUriHosts'>,
): BackupStore {
  const place = backupRoot ?? (path === undefined ? undefined : join(path, 'backups'))
  const root = place === undefined ? memoryRoot() : directoryRoot(place)
  return createBackupStore({ root, allowedHosts: backupUriHosts, maxBytes: maxFileBytes })
}
