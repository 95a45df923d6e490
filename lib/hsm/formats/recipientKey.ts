import { createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError } from '../../errors.ts'

const armour = /^-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----$/
const MODULUS_BITS = [2048, 3072, 4096]

/**
 * The caller's key that an export goes under: PEM SubjectPublicKeyInfo, RSA, however its lines are broken (contract §6.7).
 * @throws KmsError invalidParameter
 */
export function recipientKey(pem: string): KeyObject {
  const der = Buffer.from(armour.exec(pem.trim())?.[1] ?? '', 'base64')
  const key = publicKeyFrom(der)
  const { modulusLength = 0, publicExponent = 0n } = key?.asymmetricKeyDetails ?? {}
  // An exponent of 1 would give the material away to whoever sees the export.
  const isUsable = MODULUS_BITS.includes(modulusLength) && publicExponent >= 3n && publicExponent % 2n === 1n
  if (key?.asymmetricKeyType === 'rsa' && isUsable) return key
  throw new KmsError(
    'invalidParameter',
    'publicKey must be an RSA public key of 2048, 3072 or 4096 bits in PEM (BEGIN PUBLIC KEY).',
  )
}

/** Undefined for any bytes that are not one public key and nothing more. */
function publicKeyFrom(der: Buffer): KeyObject | undefined {
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
    return key.export({ type: 'spki', format: 'der' }).equals(der) ? key : undefined
  } catch {
    return undefined
  }
}
