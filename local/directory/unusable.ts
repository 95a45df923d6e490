import { isKmsError } from '../../lib/errors.ts'
import { diskRefusal } from '../../lib/diskRefusal.ts'
import { UserError } from '../../lib/userError.ts'

/** Why a data directory cannot be used, in one line. */
export function unusable(path: string, cause: unknown): UserError {
  return new UserError(`${path}: ${reasonOf(cause)}`, { cause })
}

/** What a second process is told. */
export function inUse(path: string): UserError {
  return new UserError(`${path}: ${isInUse}`)
}

/** What a start says that could not write what it needs. */
export function noRoomIn(path: string, cause: unknown): UserError {
  return new UserError(`${path}: ${noRoom}`, { cause })
}

export function isBusy(cause: unknown): boolean {
  const { errcode } = cause as { errcode?: number }
  // SQLITE_BUSY; its extended codes keep it in the low byte.
  return errcode !== undefined && (errcode & 0xff) === 5
}

const isInUse = 'is in use by another Vaultspan process; stop that one or choose another --data.'
const noRoom = 'its disk is full, or takes no writes; make room on it, and start again.'

function reasonOf(cause: unknown): string {
  const { code, errcode, message } = cause as { code?: string; errcode?: number; message?: string }
  if (isBusy(cause)) return isInUse
  if (errcode !== undefined && (errcode & 0xff) === 26)
    return 'host.db is not a Vaultspan data file; choose another --data.'
  if (isKmsError(diskRefusal(cause), 'cannotStore')) return noRoom
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') return 'cannot be written; choose another --data.'
  if (code === 'ENOTDIR' || code === 'EEXIST') return 'is not a directory; choose another --data.'
  if (code === 'ENOENT') return 'no directory can be made there; choose another --data.'
  return `cannot be used (${message ?? 'unknown reason'}).`
}
