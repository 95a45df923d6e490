import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import type { KeyShape, WrappingScheme } from '../hsm.ts'
import { unwrapKey, wrapKey } from '../primitives/keyWrap.ts'
import { rsaEncrypt } from '../primitives/rsa.ts'

/** How material crosses between a caller and a vault (contract §6.6, §6.7): under OAEP, or by AES-KWP with a key under OAEP. */

/** Of the temporary AES-256 key. */
const TEMPORARY_LENGTH = 32

/** @throws KmsError invalidParameter for a scheme that has no room for keys of this shape. */
export function requireScheme({ algorithm }: KeyShape, scheme: WrappingScheme): void {
  if (algorithm === 'AES' || scheme === 'RSA_OAEP_AES_SHA256') return
  throw new KmsError(
    'invalidParameter',
    `RSA_OAEP_SHA256 wraps AES keys only; use RSA_OAEP_AES_SHA256 for a key of ${algorithm}.`,
  )
}

/** The caller fills `material` with zeros. */
export function wrapMaterial(scheme: WrappingScheme, publicKey: KeyObject, material: Uint8Array): Buffer {
  if (scheme === 'RSA_OAEP_SHA256') return rsaEncrypt(publicKey, 'sha256', material)
  const temporary = randomBytes(TEMPORARY_LENGTH)
  try {
    return Buffer.concat([rsaEncrypt(publicKey, 'sha256', temporary), wrapKey(createSecretKey(temporary), material)])
  } finally {
    temporary.fill(0)
  }
}

/** RSA-OAEP-SHA256 with a private key, in whichever backend that lives. Undefined where the ciphertext does not open. */
export interface OaepDecrypter {
  /** Of the modulus, in bytes. */
  readonly length: number
  readonly decrypt: (ciphertext: Uint8Array) => Promise<Buffer | undefined>
}

/** Undefined, without a hint why, where the blob does not open. The caller fills the result with zeros. */
export async function unwrapMaterial(
  scheme: WrappingScheme,
  { length, decrypt }: OaepDecrypter,
  blob: Uint8Array,
): Promise<Buffer | undefined> {
  if (scheme === 'RSA_OAEP_SHA256') return decrypt(blob)
  const standIn = randomBytes(TEMPORARY_LENGTH)
  const temporary = await decrypt(blob.subarray(0, length))
  try {
    const isKey = temporary?.length === TEMPORARY_LENGTH
    // With a random key where OAEP gave none, so that the time does not tell which of the two failed.
    const material = unwrapKey(createSecretKey(isKey ? temporary : standIn), blob.subarray(length))
    return isKey ? material : undefined
  } finally {
    temporary?.fill(0)
    standIn.fill(0)
  }
}
