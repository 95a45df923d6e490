import type { BackupPlace, BackupStore } from '../../kms/backup/backupPlace.ts'
import { KmsError } from '../../kms/errors.ts'
import { readUri, writeUri } from './allowedUris.ts'

/** A place for objects: a directory here, a bucket on AWS. A path's parts are separated by `/` and harmless. */
export interface ObjectRoot {
  put(path: string, text: string): Promise<void>
  get(path: string, maxBytes: number): Promise<string | undefined>
}

export interface BackupStoreOptions {
  /** Undefined: no buckets are configured. */
  readonly root?: ObjectRoot
  /** `host` or `host:port` of pre-authenticated URIs that are followed; others would be access by the caller's choice. */
  readonly allowedHosts: readonly string[]
  readonly maxBytes: number
}

export function createBackupStore({ root, allowedHosts, maxBytes }: BackupStoreOptions): BackupStore {
  const requireRoot = (): ObjectRoot => {
    if (root !== undefined) return root
    throw new KmsError('invalidParameter', 'No place for backups is configured; ask the operator to set BACKUP_ROOT.')
  }
  return {
    write: async (tenancyId, place, text) => {
      if (place.destination === 'BUCKET') return requireRoot().put(objectPath(tenancyId, place), text)
      return writeUri(place.uri, allowedHosts, text)
    },
    read: async (tenancyId, place) => {
      if (place.destination === 'BUCKET') return requireRoot().get(objectPath(tenancyId, place), maxBytes)
      return readUri(place.uri, allowedHosts, maxBytes)
    },
  }
}

const safePart = /^(?!\.{1,2}$)[A-Za-z0-9._@=+,-]{1,120}$/

/** @throws KmsError invalidParameter for a name that could lead anywhere else. */
function objectPath(tenancyId: string, place: Extract<BackupPlace, { destination: 'BUCKET' }>): string {
  const parts = [place.namespace, place.bucketName, ...place.objectName.split('/')]
  const isSafe = parts.length <= 12 && parts.every((part) => safePart.test(part))
  if (isSafe) return [tenancyId, ...parts].join('/')
  throw new KmsError(
    'invalidParameter',
    'backupLocation: namespace, bucketName and the parts of objectName take letters, digits and . _ @ = + , - only.',
  )
}
