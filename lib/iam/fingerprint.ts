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
 * @throws KmsError invalidParameter where it is not the PEM of an RSA public key of 2048 to 8192 bits, saying what it is.
 */
export function readApiPublicKey(text: string): KeyObject {
  if (text.length > maxPemLength) throw notAKey(`is longer than ${maxPemLength} characters`)
  const slip = slips.find(([form]) => form.test(text))
  if (slip !== undefined) throw notAKey(slip[1])
  const body = pem.exec(text)?.[1]
  const publicKey = body === undefined ? undefined : readSpki(Buffer.from(body, 'base64'))
  if (publicKey === undefined) throw notAKey('is none')
  if (!isApiPublicKey(publicKey)) throw notAKey(whyUnfit(publicKey))
  return publicKey
}

/** What users paste in its place, with what to do instead. */
const slips: readonly (readonly [RegExp, string])[] = [
  [
    /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
    'is a private key, which belongs to nobody but its user; take its public half (openssl pkey -in key.pem -pubout), or better a new pair. Nothing was stored',
  ],
  [
    /-----BEGIN RSA PUBLIC KEY-----/,
    'has the form of PKCS#1; convert it (openssl rsa -RSAPublicKey_in -in key.pem -pubout)',
  ],
  [/^\s*ssh-[a-z0-9]+ /, 'is a key of SSH; convert it (ssh-keygen -e -m PKCS8 -f key.pub)'],
  [/-----BEGIN CERTIFICATE-----/, 'is a certificate; take its key (openssl x509 -in cert.pem -noout -pubkey)'],
]

function whyUnfit({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  if (asymmetricKeyType !== 'rsa') return `is of another kind (${asymmetricKeyType ?? 'unknown'})`
  const { modulusLength = 0 } = asymmetricKeyDetails ?? {}
  const isSize = modulusLength >= minKeyBits && modulusLength <= maxKeyBits
  return isSize ? 'has an exponent under which signatures prove nothing' : `has ${modulusLength} bits`
}

function notAKey(what: string): KmsError {
  return new KmsError(
    'invalidParameter',
    `key must be the PEM of an RSA public key of ${minKeyBits} to ${maxKeyBits} bits with a usual exponent, such as 65537 (-----BEGIN PUBLIC KEY-----); this one ${what}.`,
  )
}

function readSpki(der: Buffer): KeyObject | undefined {
  try {
    return createPublicKey({ key: der, format: 'der', type: 'spki' })
  } catch {
    return undefined
  }
}
