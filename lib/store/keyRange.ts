import { KmsError } from '../errors.ts'
import type { PageRequest } from '../ports.ts'
import { compareUtf8 } from '../compareUtf8.ts'
import { isKeyText, maxSortKeyBytes } from './keyText.ts'

/** Sort keys from `from` (inclusive) up to `to` (exclusive; absent: without end), in the order of UTF-8 bytes. */
export interface KeyRange {
  readonly from: string
  readonly to?: string
}

/** The sort keys of a page request: those with the prefix that lie beyond `after`. */
export function keyRange(prefix: string, { after, descending = false }: PageRequest): KeyRange {
  const end = prefixEnd(prefix)
  if (after === undefined) return range(prefix, end)
  if (descending) return range(prefix, end === undefined || compareUtf8(after, end) < 0 ? after : end)
  // The least text greater than `after` is `after` with a NUL behind it.
  return range(compareUtf8(after, prefix) < 0 ? prefix : `${after}\u0000`, end)
}

/**
 * What every adapter refuses, whatever its database would accept.
 * @throws RangeError where the limit is none of 1 to 1000; KmsError invalidParameter where no sort key can be `after`,
 * which comes from a caller's page token.
 */
export function requirePage({ limit, after }: PageRequest): void {
  requireLimit({ limit })
  if (after !== undefined && !isKeyText(after, maxSortKeyBytes))
    throw new KmsError(
      'invalidParameter',
      'page is not a token of this list; give the opc-next-page of the page before.',
    )
}

/** @throws RangeError where the limit is none of 1 to 1000. */
export function requireLimit({ limit }: Pick<PageRequest, 'limit'>): void {
  if (!Number.isInteger(limit) || limit < 1 || limit > 1000)
    throw new RangeError(`A page holds 1 to 1000, not ${limit}.`)
}

function range(from: string, to: string | undefined): KeyRange {
  return to === undefined ? { from } : { from, to }
}

/** The least text greater than every text with this prefix; undefined where there is none. */
function prefixEnd(prefix: string): string | undefined {
  const unit = prefix.charCodeAt(prefix.length - 1)
  // As nearly all end: no half of a pair, and none comes next.
  if (unit < 0xd7ff) return prefix.slice(0, -1) + String.fromCharCode(unit + 1)
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0)
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last < 0x10ffff) return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1)
  }
  return undefined
}
