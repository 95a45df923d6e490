import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError } from '../errors.ts'
import { isApiPublicKey, maxKeyBits, minKeyBits } from './apiPublicKey.ts'

const maxPemLength = 16_384
const pem = /-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----/

/** MD5 over the DER SubjectPublicKeyInfo, 16 lower-case hex pairs joined by `:` (contract §8.6). An id, not a proof. */
export function fingerprint(publicKey: KeyObject): string {
  const digest = createHash('md5')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
  return digest.replace(/(..)(?=.)/g, '$1:')
}

/**
 * An API public key as users paste it: line ends, indentation and text around the block do not matter.
 * @throws KmsError invalidParameter where it is not the PEM of an RSA public key of 2048 to 8192 bits.
 */
export function readApiPublicKey(text: string): KeyObject {
  const body = text.length <= maxPemLength ? pem.exec(text)?.[1] : undefined
  const publicKey = body === undefined ? undefined : readSpki(Buffer.from(body, 'base64'))
  if (publicKey === undefined || !isApiPublicKey(publicKey)) {
    throw new KmsError(
      'invalidParameter',
      `key must be the PEM of an RSA public key of ${minKeyBits} to ${maxKeyBits} bits with a usual exponent, such as 65537 (-----BEGIN PUBLIC KEY-----).`,
    )
  }
  return publicKey
}

function readSpki(der: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}
