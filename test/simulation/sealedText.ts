import { crc32 } from 'node:zlib'
import { KmsError } from '../../lib/errors.ts'

/**
 * Stands for real cryptography: nothing is hidden and a forger would have it easy, but nobody forges here. Every tag is
 * checked, and one of another key, label or text is another: a checksum that begins with the key's tells them apart.
 */

export function tag(key: string, label: string, text: string): string {
  return tagFrom(crc32(`${key}\n${label}\n`), text)
}

/** With the checksum that a key and label come to. 32 hex digits. */
export function tagFrom(start: number, text: string): string {
  return crc32(text, start).toString(16).padStart(8, '0').repeat(4)
}

export function sealText(key: string, label: string, text: string): string {
  return `${text}.${tag(key, label, text)}`
}

/** Undefined where the text was not sealed with this key and label. */
export function openText(key: string, label: string, sealed: string): string | undefined {
  const end = sealed.lastIndexOf('.')
  const text = sealed.slice(0, end)
  return sealed.slice(end + 1) === tag(key, label, text) ? text : undefined
}

/** @throws KmsError integrityFailure */
export function mustOpen(key: string, label: string, sealed: string | null): string {
  const text = sealed === null ? undefined : openText(key, label, sealed)
  if (text === undefined) throw new KmsError('integrityFailure', `The simulated HSM cannot open: ${label}.`)
  return text
}

/** What everybody may know of a secret. */
export function publicPart(secret: string): string {
  return `public:${tag('', 'public', secret)}`
}

/** What anybody can make for the holder of a secret, and only that one can open. */
export function sealFor(publicKey: string, text: string): string {
  return sealText(publicKey, 'sealed for', text)
}

export function openWith(secret: string, sealed: string): string | undefined {
  return openText(publicPart(secret), 'sealed for', sealed)
}
