import { KmsError } from './errors.ts'
import { UserError } from './userError.ts'

const full =
  "The region's disk is full: it reads, encrypts and decrypts, and stores nothing. Make room on it, then try again."
const unwritable =
  "The region's disk takes no writes: it reads, encrypts and decrypts, and stores nothing. Mend it, then try again."

/** SQLite's primary code SQLITE_FULL. */
const sqliteFull = 13
/** SQLITE_IOERR_WRITE, _FSYNC, _DIR_FSYNC, _TRUNCATE; those of reading are no refusal of a write. */
const sqliteWriteErrors: readonly unknown[] = [778, 1034, 1290, 1546]
const fileErrors: Readonly<Record<string, string>> = { ENOSPC: full, EDQUOT: full, EROFS: unwritable, EIO: unwritable }
/** The same for whoever typed a command, and named the file. */
const ofFile: Readonly<Record<string, string>> = {
  [full]: 'its disk is full; make room on it, then try again.',
  [unwritable]: 'its disk takes no writes; mend it, or take another, then try again.',
}

/**
 * What a write is refused with where the disk has no room for it or takes none: the request was right, and is again once
 * there is room. Whatever else was thrown stays as it is. `file`: another than the region's own database. It is named in the
 * cause, a UserError: no caller of the API is told where files lie.
 */
export function diskRefusal(cause: unknown, file?: string): unknown {
  const message = messageFor(cause)
  if (message === undefined) return cause
  const why = file === undefined ? cause : new UserError(`${file}: ${ofFile[message] ?? ''}`, { cause })
  return new KmsError('cannotStore', message, { cause: why, retryAfter: 1 })
}

/** For a refusal that only another process has seen. */
export function diskIsFull(): KmsError {
  return new KmsError('cannotStore', full, { retryAfter: 1 })
}

function messageFor(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null) return undefined
  const { code, errcode } = cause as { readonly code?: unknown; readonly errcode?: unknown }
  if (typeof errcode === 'number') {
    if ((errcode & 0xff) === sqliteFull) return full
    return sqliteWriteErrors.includes(errcode) ? unwritable : undefined
  }
  return typeof code === 'string' ? fileErrors[code] : undefined
}
