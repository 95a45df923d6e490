import { isKmsError } from '../lib/errors.ts'
import { Pkcs11Error } from '../lib/hsm/pkcs11/library/pkcs11Error.ts'
import { messageOf, UserError } from '../lib/userError.ts'

/** Of files that a command reads or writes: what its user can put right, by the system's code. */
const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full; make room on it, then try again',
  EDQUOT: 'its disk is full for this user; make room on it, then try again',
  EROFS: 'its disk takes no writes',
  EACCES: 'this user may not do that there',
  EPERM: 'this user may not do that there',
  ENOTDIR: 'what should be a directory above it is none',
  EISDIR: 'it is a directory',
  EMFILE: 'this process has too many files open (ulimit -n)',
}

/** One line for whoever typed the command, about what they can put right; undefined: it is something else. */
export function personsLine(cause: unknown): string | undefined {
  if (cause instanceof UserError) return cause.message
  // Of a file its name, which no caller of the API is told.
  if (isKmsError(cause, 'cannotStore')) return cause.cause instanceof UserError ? cause.cause.message : cause.message
  if (isKmsError(cause, 'unavailable'))
    return cause.cause === undefined
      ? cause.message
      : `${cause.message} ${personsLine(cause.cause) ?? messageOf(cause.cause)}`
  if (cause instanceof Pkcs11Error)
    return `The HSM’s library failed: ${cause.message} Its own log says why; of SoftHSM’s tokens, see that their disk has room and takes writes. Begin again once that is put right.`
  return systemLine(cause)
}

function systemLine(cause: unknown): string | undefined {
  const { code, path } = Object(cause) as { readonly code?: unknown; readonly path?: unknown }
  const reason = typeof code === 'string' ? reasons[code] : undefined
  return reason === undefined || typeof path !== 'string' ? undefined : `${path}: ${reason}.`
}
