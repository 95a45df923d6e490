import { KmsError } from '../errors.ts'
import { keysOf } from '../keysOf.ts'

/**
 * What varies by algorithm or curve: one row each (contract §6.1). Types, the values that the wire takes, key shapes and
 * the self test follow from these tables; a new row needs its primitive and its known answer beside.
 */

export const curves = {
  /** `coordinate` in bytes, which is the length of the key's shape; `openssl` and `noble` name the curve there. */
  NIST_P256: { openssl: 'prime256v1', coordinate: 32, noble: 'p256' },
  NIST_P384: { openssl: 'secp384r1', coordinate: 48, noble: 'p384' },
  NIST_P521: { openssl: 'secp521r1', coordinate: 66, noble: 'p521' },
} as const

export type CurveId = keyof typeof curves

/** The lengths that keys have, in bytes (contract §3.2); an ECDSA key's is its curve's. */
export const keyLengths = {
  AES: [16, 24, 32],
  RSA: [256, 384, 512],
  ECDSA: Object.values(curves).map(({ coordinate }) => coordinate),
} as const

export type KeyAlgorithm = keyof typeof keyLengths
type KeyLength<A extends KeyAlgorithm> = (typeof keyLengths)[A][number]

export type KeyShape =
  | { readonly algorithm: 'AES'; readonly length: KeyLength<'AES'> }
  | { readonly algorithm: 'RSA'; readonly length: KeyLength<'RSA'> }
  | { readonly algorithm: 'ECDSA'; readonly length: KeyLength<'ECDSA'>; readonly curveId: CurveId }

export const protectionModes = ['HSM', 'SOFTWARE'] as const
export type ProtectionMode = (typeof protectionModes)[number]

/** Whether the message of a signature is the text itself or its digest. */
export const messageTypes = ['RAW', 'DIGEST'] as const
export type MessageType = (typeof messageTypes)[number]

export type SigningHash = 'sha224' | 'sha256' | 'sha384' | 'sha512'
export type OaepHash = 'sha1' | 'sha256'
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
} as const satisfies Record<string, RsaSigning | EcdsaSigning>

export type SigningAlgorithm = keyof typeof signingAlgorithms

interface Encryption {
  readonly family: KeyAlgorithm
  readonly hash?: OaepHash
  /** Reported where none was asked for. */
  readonly isDefault?: true
}

export const encryptionAlgorithms = {
  AES_256_GCM: { family: 'AES', isDefault: true },
  RSA_OAEP_SHA_1: { family: 'RSA', hash: 'sha1' },
  RSA_OAEP_SHA_256: { family: 'RSA', hash: 'sha256', isDefault: true },
} as const satisfies Record<string, Encryption>

export type EncryptionAlgorithm = keyof typeof encryptionAlgorithms

/** How material is wrapped for import and export: OAEP with SHA-256 over it, or over an AES-256 key that wraps it by AES-KWP. */
export const wrappingSchemes = ['RSA_OAEP_SHA256', 'RSA_OAEP_AES_SHA256'] as const
export type WrappingScheme = (typeof wrappingSchemes)[number]

/** The algorithm that an encryption names where its caller asked for none; undefined where such keys encrypt nothing. */
export function defaultEncryption(family: KeyAlgorithm): EncryptionAlgorithm | undefined {
  return keysOf(encryptionAlgorithms).find((name) => {
    const row: Encryption = encryptionAlgorithms[name]
    return row.family === family && row.isDefault === true
  })
}

/** Those that keys of a shape encrypt with. */
export function encryptionsOf({ algorithm }: KeyShape): readonly EncryptionAlgorithm[] {
  return keysOf(encryptionAlgorithms).filter((name) => encryptionAlgorithms[name].family === algorithm)
}

/** Those that keys of a shape sign with: a curve signs with the hash of its own strength only. */
export function signingsOf(shape: KeyShape): readonly SigningAlgorithm[] {
  return keysOf(signingAlgorithms).filter((name) => {
    const row: RsaSigning | EcdsaSigning = signingAlgorithms[name]
    if (row.family !== shape.algorithm) return false
    return shape.algorithm !== 'ECDSA' || row.family !== 'ECDSA' || row.curveId === shape.curveId
  })
}

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
export function requireOaepHash(algorithm: EncryptionAlgorithm): OaepHash {
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
