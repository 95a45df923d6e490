import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import { maxKeyBits, minKeyBits } from './apiPublicKey.ts'
import { whyUnfitRsaKey } from './unfitRsaKey.ts'

const maxPemLength = 16_384
/** OCI's own tools put the label behind a key. */
const pem = /^\s*-----BEGIN PUBLIC KEY-----([\sA-Za-z0-9+/=]+)-----END PUBLIC KEY-----\s*(?:OCI_API_KEY\s*)?$/

/** MD5 over the DER SubjectPublicKeyInfo, 16 lower-case hex pairs joined by `:` (contract §8.6). An id, not a proof. */
export function fingerprint(publicKey: KeyObject): string {
  const digest = createHash('md5')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('hex')
  return digest.replace(/(..)(?=.)/g, '$1:')
}

/** The member of a body that is read, and the most bits that are taken there. */
interface Wanted {
  readonly member: 'key' | 'publicKey'
  readonly maxBits: number
}
const uploaded: Wanted = { member: 'key', maxBits: maxKeyBits }

/**
 * A public key as users paste it: line ends and blanks do not matter, and one block is all there is. For uploads: what
 * is stored is not asked again whether its modulus is weak.
 * @throws KmsError invalidParameter where it is not the PEM of an RSA public key of 2048 bits or more, saying what it is.
 */
export function readApiPublicKey(text: string, wanted = uploaded): KeyObject {
  const notAKey = (what: string) => notTaken(wanted, what)
  if (text.length > maxPemLength) throw notAKey(`is longer than ${maxPemLength} characters`)
  const slip = slips.find(([form]) => form.test(text))
  if (slip !== undefined) throw notAKey(slip[1])
  const body = pem.exec(text)?.[1]
  const publicKey = body === undefined ? undefined : readSpki(Buffer.from(body, 'base64'))
  if (publicKey === undefined) throw notAKey(whyNone(text))
  const unfit = whyUnfitRsaKey(publicKey, wanted.maxBits)
  if (unfit !== undefined) throw notAKey(unfit)
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

function whyNone(text: string): string {
  const [, block = ''] = text.split('-----BEGIN PUBLIC KEY-----')
  const isBlock = block.includes('-----END PUBLIC KEY-----')
  return isBlock && !pem.test(text)
    ? 'has something before or behind its block, or within it; send one key from its BEGIN line to its END line'
    : 'is none'
}

function notTaken({ member, maxBits }: Wanted, what: string): KmsError {
  return new KmsError(
    'invalidParameter',
    `${member} must be the PEM of an RSA public key of ${minKeyBits} to ${maxBits} bits with a usual exponent, such as 65537 (-----BEGIN PUBLIC KEY-----); this one ${what}.`,
  )
}

function readSpki(der: Buffer): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    // OpenSSL reads a key and leaves what lies behind it.
    return der.length > key.export({ type: 'spki', format: 'der' }).length ? undefined : key
  } catch {
    return undefined
  }
}
