import { KmsError } from '../errors.ts'
import type { Mutation } from './mutation.ts'

/** Quotes, a weak prefix and a `--gzip` suffix do not count (contract §2.1). */
export function requireMatch(mutation: Pick<Mutation, 'ifMatch'>, etag: string): void {
  if (mutation.ifMatch === undefined) return
  const wanted = etagIn(mutation.ifMatch)
  if (wanted !== etag && wanted !== '*') {
    throw new KmsError(
      'noEtagMatch',
      'The resource changed since the given if-match; read it again and repeat the call.',
    )
  }
}

const maxIfMatch = 128

/** By hand and in one pass: an expression for all of it takes the cube of the header's length. */
function etagIn(header: string): string | undefined {
  if (header.length > maxIfMatch) return undefined
  let tag = header.trim()
  if (tag.startsWith('W/')) tag = tag.slice('W/'.length)
  if (tag.startsWith('"')) tag = tag.slice(1)
  if (tag.endsWith('"')) tag = tag.slice(0, -1)
  return tag.endsWith('--gzip') ? tag.slice(0, -'--gzip'.length) : tag
}
