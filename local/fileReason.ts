import { messageOf } from '../lib/userError.ts'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a directory, not a file',
  EACCES: 'it may not be read by this user',
  EPERM: 'it may not be read by this user',
}

/** Why a file that a person named cannot be read; of anything else that was thrown its message. */
export function fileReason(cause: unknown): string {
  const { code } = Object(cause) as { readonly code?: unknown }
  return (typeof code === 'string' ? reasons[code] : undefined) ?? messageOf(cause)
}
