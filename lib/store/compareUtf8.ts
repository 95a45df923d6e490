/** The order of all sort keys and epochs: by UTF-8 bytes. JavaScript's `<` differs from it beyond U+FFFF. */
export function compareUtf8(left: string, right: string): number {
  return left === right ? 0 : Buffer.compare(Buffer.from(left), Buffer.from(right))
}
