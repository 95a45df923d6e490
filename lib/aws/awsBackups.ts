import type { BackupStore } from '../kms/backup/backupPlace.ts'
import { awsClientOptions } from '../store/awsClientOptions.ts'
import { createBackupStore } from '../store/backups/backupStore.ts'
import { s3Root } from '../store/backups/s3Root.ts'
import type { AwsSettings } from './awsSettings.ts'

/** A backup on its way to another continent takes longer than a row next door. */
const requestTimeout = 10_000

/** One bucket for all regions, in the home region: what one has saved any other can restore. */
export function awsBackups(settings: AwsSettings, maxBytes: number): BackupStore {
  const { homeRegion, accountId, backupBucket, backupUriHosts } = settings
  const options = awsClientOptions({ region: homeRegion })
  const client = { ...options, requestHandler: { ...options.requestHandler, requestTimeout } }
  const root = s3Root({ bucket: backupBucket, accountId, client })
  return createBackupStore({ root, allowedHosts: backupUriHosts, maxBytes })
}
