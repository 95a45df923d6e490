import { KmsError } from '../errors.ts'
import type { CurveId, EncryptionAlgorithm, KeyShape, MessageType, SigningAlgorithm } from './hsm.ts'

/** What varies by algorithm: one row each (contract §6.1). */

export type SigningHash = 'sha224' | 'sha256' | 'sha384' | 'sha512'
export interface RsaSigning {
  readonly family: 'RSA'
  readonly padding: 'PSS' | 'PKCS1'
  readonly hash: SigningHash
}
export interface EcdsaSigning {
  readonly family: 'ECDSA'
  readonly curveId: CurveId
  readonly hash: SigningHash
}

export const digestLengths = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const

export const signingAlgorithms = {
  SHA_224_RSA_PKCS_PSS: { family: 'RSA', padding: 'PSS', hash: 'sha224' },
  SHA_256_RSA_PKCS_PSS: { family: 'RSA', padding: 'PSS', hash: 'sha256' },
  SHA_384_RSA_PKCS_PSS: { family: 'RSA', padding: 'PSS', hash: 'sha384' },
  SHA_512_RSA_PKCS_PSS: { family: 'RSA', padding: 'PSS', hash: 'sha512' },
  SHA_224_RSA_PKCS1_V1_5: { family: 'RSA', padding: 'PKCS1', hash: 'sha224' },
  SHA_256_RSA_PKCS1_V1_5: { family: 'RSA', padding: 'PKCS1', hash: 'sha256' },
  SHA_384_RSA_PKCS1_V1_5: { family: 'RSA', padding: 'PKCS1', hash: 'sha384' },
  SHA_512_RSA_PKCS1_V1_5: { family: 'RSA', padding: 'PKCS1', hash: 'sha512' },
  ECDSA_SHA_256: { family: 'ECDSA', curveId: 'NIST_P256', hash: 'sha256' },
  ECDSA_SHA_384: { family: 'ECDSA', curveId: 'NIST_P384', hash: 'sha384' },
  ECDSA_SHA_512: { family: 'ECDSA', curveId: 'NIST_P521', hash: 'sha512' },
} as const satisfies Record<SigningAlgorithm, RsaSigning | EcdsaSigning>

export const encryptionAlgorithms = {
  AES_256_GCM: { family: 'AES' },
  RSA_OAEP_SHA_1: { family: 'RSA', hash: 'sha1' },
  RSA_OAEP_SHA_256: { family: 'RSA', hash: 'sha256' },
} as const satisfies Record<EncryptionAlgorithm, { family: KeyShape['algorithm']; hash?: 'sha1' | 'sha256' }>

/** `coordinate` in bytes; `openssl` is the name in a key's details. */
export const curves = {
  NIST_P256: { openssl: 'prime256v1', coordinate: 32 },
  NIST_P384: { openssl: 'secp384r1', coordinate: 48 },
  NIST_P521: { openssl: 'secp521r1', coordinate: 66 },
} as const satisfies Record<CurveId, { openssl: string; coordinate: number }>

/** @throws KmsError invalidParameter */
export function requireRsaSigning(algorithm: SigningAlgorithm): RsaSigning {
  const row = signingAlgorithms[algorithm]
  if (row.family !== 'RSA') throw unfit(algorithm, 'an RSA')
  return row
}

/** @throws KmsError invalidParameter: a curve signs with the hash of its own strength only. */
export function requireEcdsaSigning(algorithm: SigningAlgorithm, curveId: CurveId): EcdsaSigning {
  const row = signingAlgorithms[algorithm]
  if (row.family !== 'ECDSA' || row.curveId !== curveId) throw unfit(algorithm, `an ECDSA ${curveId}`)
  return row
}

/** @throws KmsError invalidParameter */
export function requireOaepHash(algorithm: EncryptionAlgorithm): 'sha1' | 'sha256' {
  const row = encryptionAlgorithms[algorithm]
  if (row.family !== 'RSA') throw unfit(algorithm, 'an RSA')
  return row.hash
}

/** @throws KmsError invalidParameter where DIGEST comes with bytes that are no digest of the algorithm's hash. */
export function requireDigestLength(hash: SigningHash, messageType: MessageType, message: Uint8Array): void {
  const expected = digestLengths[hash]
  if (messageType === 'RAW' || message.length === expected) return
  throw new KmsError(
    'invalidParameter',
    `A digest for this algorithm has ${expected} bytes; the message has ${message.length}.`,
  )
}

export function unfit(algorithm: EncryptionAlgorithm | SigningAlgorithm, key: string): KmsError {
  return new KmsError('invalidParameter', `${algorithm} does not fit ${key} key.`)
}
