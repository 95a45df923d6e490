/**
 * The order of all sort keys and epochs: by UTF-8 bytes. JavaScript's `<` differs from it beyond U+FFFF only, and costs no
 * copies: a page of a listing compares thousands of keys.
 */
export function compareUtf8(left: string, right: string): number {
  if (left === right) return 0
  if (surrogate.test(left) || surrogate.test(right)) return Buffer.compare(Buffer.from(left), Buffer.from(right))
  return left < right ? -1 : 1
}

/** Half of a character beyond U+FFFF. */
const surrogate = /[\ud800-\udfff]/
