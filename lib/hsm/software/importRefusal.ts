import { createPrivateKey } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import type { KeyShape } from '../hsm.ts'
import { decodedText, isTextOf, trimmed, type TextFormName } from './keyText.ts'
import { keyFromMaterial } from './material.ts'

const wanted =
  'the raw bytes of an AES key, or an RSA private key as unencrypted PKCS#8 DER (openssl pkcs8 -topk8 -nocrypt -outform DER)'

/** One text for every blob that does not open and for every key that is not sound, so that nobody learns which. */
export function unusableImport(): KmsError {
  return new KmsError(
    'invalidParameter',
    `keyMaterial gives no key of this shape; wrap ${wanted} with this vault's wrapping key and this wrappingAlgorithm.`,
  )
}

/** As unusableImport, but for the usual slips: who has wrapped for this vault may know in which form they wrapped. */
export function refusedMaterial(shape: KeyShape, secret: Buffer): KmsError {
  const found = slip(shape, secret)
  if (found === undefined) return unusableImport()
  return new KmsError('invalidParameter', `keyMaterial holds the key as ${found}; wrap ${wanted}.`)
}

/** The shortest text of base64 that somebody takes for a key of AES: that of 16 bytes. */
const shortestBase64 = 24

/**
 * An AES key's text may have the length of a longer key: 32 hexadecimal digits are no AES-256. Random bytes are never all of
 * such digits: of 24 bytes all are of base64's in one of 10^14.
 */
export function isText({ algorithm }: KeyShape, secret: Buffer): boolean {
  if (algorithm !== 'AES') return false
  return isTextOf(secret, 'hex') || (secret.length >= shortestBase64 && isTextOf(secret, 'base64'))
}

const armour = Buffer.from('-----BEGIN')

function slip(shape: KeyShape, secret: Buffer): string | undefined {
  const text = trimmed(secret)
  if (text.subarray(0, armour.length).equals(armour)) return 'PEM'
  if (isKeyAs(shape, text, 'hex')) return 'hexadecimal text'
  if (isKeyAs(shape, text, 'base64')) return 'base64 text'
  if (isText(shape, secret)) return isTextOf(text, 'hex') ? 'hexadecimal text' : 'base64 text'
  return isPkcs1(shape, secret) ? 'PKCS#1' : undefined
}

function isKeyAs(shape: KeyShape, text: Buffer, form: TextFormName): boolean {
  const bytes = decodedText(text, form)
  if (bytes === undefined) return false
  try {
    return keyFromMaterial(shape, bytes) !== undefined || isPkcs1(shape, bytes)
  } finally {
    bytes.fill(0)
  }
}

/** OpenSSL reads PKCS#8 under the name of PKCS#1 as well. */
function isPkcs1({ algorithm }: KeyShape, der: Buffer): boolean {
  return algorithm === 'RSA' && parses(der, 'pkcs1') && !parses(der, 'pkcs8')
}

function parses(der: Buffer, type: 'pkcs1' | 'pkcs8'): boolean {
  try {
    createPrivateKey({ key: der, format: 'der', type })
    return true
  } catch {
    return false
  }
}
