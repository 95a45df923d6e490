import { hash } from 'node:crypto'
import { KmsError } from '../../lib/errors.ts'

/** Stands for real cryptography: cheap, nothing is hidden, but every tag is checked and needs the right key and label. */

export function tag(key: string, label: string, text: string): string {
  return hash('sha256', `${key}\n${label}\n${text}`, 'hex').slice(0, 32)
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
  return `public:${hash('sha256', `public ${secret}`, 'hex').slice(0, 32)}`
}

/** What anybody can make for the holder of a secret, and only that one can open. */
export function sealFor(publicKey: string, text: string): string {
  return sealText(publicKey, 'sealed for', text)
}

export function openWith(secret: string, sealed: string): string | undefined {
  return openText(publicPart(secret), 'sealed for', sealed)
}
