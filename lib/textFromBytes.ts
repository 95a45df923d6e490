import { isUtf8 } from 'node:buffer'

/**
 * Undefined for bytes that are no UTF-8 (overlong forms and halves of surrogate pairs are none): decoded all the same they
 * would hold U+FFFD, which is another text than was signed, and the same one for different bytes. A byte order mark stays.
 */
export function textFromBytes(bytes: Buffer): string | undefined {
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined
}
