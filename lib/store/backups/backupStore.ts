import type { BackupPlace, BackupStore } from '../../kms/backup/backupPlace.ts'
import { KmsError } from '../../errors.ts'
import { readUri, writeUri } from './allowedUris.ts'

/** A place for objects: a directory here, a bucket on AWS. A path's parts are separated by `/` and harmless. */
export interface ObjectRoot {
  /**
   * Over what was there, where `mayReplace` says so; without it, over anything. False: nothing was written. Of several
   * that come at once to where nothing was, one is first, and the others are judged by it.
   */
  put(path: string, text: string, replacing?: Replacing): Promise<boolean>
  /** Undefined where there is no object. @throws KmsError payloadTooLarge for one of more bytes, which is not read. */
  get(path: string, maxBytes: number): Promise<string | undefined>
}

export interface Replacing {
  readonly mayReplace: (found: string) => boolean
  /** What is there and has more bytes is not read, and not replaced. */
  readonly maxBytes: number
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
    write: async (tenancyId, place, text, mayReplace) => {
      if (place.destination === 'BUCKET') {
        return requireRoot().put(objectPath(tenancyId, place), text, { mayReplace, maxBytes })
      }
      // Whoever made the URI has said what may be written there.
      await writeUri(place.uri, allowedHosts, text)
      return true
    },
    read: async (tenancyId, place) => {
      if (place.destination === 'BUCKET') return requireRoot().get(objectPath(tenancyId, place), maxBytes)
      return readUri(place.uri, allowedHosts, maxBytes)
    },
  }
}

const safePart = /^(?!\.{1,2}$)[A-Za-z0-9._@=+,-]{1,120}$/
/** S3's own limit. */
const maxPathLength = 1024

/** @throws KmsError invalidParameter for a name that could lead anywhere else. */
function objectPath(tenancyId: string, place: Extract<BackupPlace, { destination: 'BUCKET' }>): string {
  const parts = [place.namespace, place.bucketName, ...place.objectName.split('/')]
  const path = [tenancyId, ...parts].join('/')
  const isSafe = parts.length <= 12 && path.length <= maxPathLength && parts.every((part) => safePart.test(part))
  if (isSafe) return path
  throw new KmsError(
    'invalidParameter',
    'backupLocation: namespace, bucketName and the at most 10 parts of objectName take letters, digits and . _ @ = + , - ' +
      'only; 120 each, and some 900 together.',
  )
}
