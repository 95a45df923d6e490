import { constants, createPublicKey, hash, publicEncrypt, type KeyObject } from 'node:crypto'
import { isKmsError, KmsError, rsaDoesNotOpen } from '../../../errors.ts'
import {
  curves,
  digestLengths,
  requireDigestLength,
  requireEcdsaSigning,
  requireOaepHash,
  requireRsaSigning,
  unfit,
  type OaepHash,
  type RsaSigning,
  type SigningHash,
} from '../../algorithms.ts'
import type { KeyShape, MessageType } from '../../hsm.ts'
import { isEcdsaSignature } from '../../primitives/ecdsa.ts'
import { decodeOaep } from '../../primitives/oaep.ts'
import { digestInfo, isRsaSignature, modulusLength, rsaEncrypt } from '../../primitives/rsa.ts'
import { masterKeyAs, requireNoAssociatedData, type SoftwareKey } from '../../software/softwareKey.ts'
import { CKG, CKM } from '../library/constants.ts'
import { encodeWords, mechanism, type Mechanism } from '../library/encode.ts'
import { derSignature } from '../token/publicKeys.ts'
import type { VaultToken } from '../roots/regionToken.ts'
import type { HeldObject } from './heldObject.ts'
import { requireRightMacs, requireRightMacsLately } from './tokenProof.ts'

type Shape<A extends KeyShape['algorithm']> = Extract<KeyShape, { algorithm: A }>

const cmac = mechanism(CKM.AES_CMAC)

/** The message's key is derived in the token; with it, for this message, the process encrypts. */
export function aesTokenKey(
  { length }: Shape<'AES'>,
  materialId: string,
  object: HeldObject,
  token: VaultToken,
): SoftwareKey {
  const derive = (messages: Buffer) => {
    // First, so that no key is left behind where it fails.
    requireRightMacsLately(token)
    return object.run((session) => session.signBlocks(cmac, object.handle, messages))
  }
  const key = masterKeyAs({ length, materialId, derive }, object.destroy)
  return {
    ...key,
    decrypt: (...args) => {
      try {
        return key.decrypt(...args)
      } catch (cause) {
        // No ciphertext is called altered because the token fails.
        if (isKmsError(cause, 'invalidParameter')) requireRightMacs(token)
        throw cause
      }
    },
  }
}

export function rsaTokenKey(publicKeyPem: string, object: HeldObject): SoftwareKey {
  const publicKey = createPublicKey(publicKeyPem)
  return {
    async encrypt(algorithm, plaintext, associatedData) {
      const hashName = requireOaepHash(algorithm)
      requireNoAssociatedData(associatedData)
      return rsaEncrypt(publicKey, hashName, plaintext)
    },
    async decrypt(algorithm, ciphertext, associatedData) {
      const hashName = requireOaepHash(algorithm)
      requireNoAssociatedData(associatedData)
      const plaintext = await rsaTokenDecrypt(publicKey, object, hashName, ciphertext)
      if (plaintext === undefined) throw rsaDoesNotOpen()
      return plaintext
    },
    async sign(algorithm, messageType, message) {
      const row = requireRsaSigning(algorithm)
      requireDigestLength(row.hash, messageType, message)
      const digest = digestOf(row.hash, messageType, message)
      const data = row.padding === 'PKCS1' ? digestInfo(row.hash, digest) : digest
      const signature = await object.onThread((session) => session.signOnThread(rsaMechanism(row), object.handle, data))
      requireWhole(signature, modulusLength(publicKey))
      // One that went wrong in half of it gives the key away (Boneh, DeMillo and Lipton), and to look costs little.
      if (isRsaSignature(publicKey, row, messageType, message, signature)) return signature
      throw wrongly(signedWrongly)
    },
    async verify(algorithm, messageType, message, signature) {
      const row = requireRsaSigning(algorithm)
      requireDigestLength(row.hash, messageType, message)
      return isRsaSignature(publicKey, row, messageType, message, signature)
    },
    destroy: object.destroy,
  }
}

/** The bare operation in the token, the padding here: SoftHSM knows OAEP with SHA-1 only. */
export async function rsaTokenDecrypt(
  publicKey: KeyObject,
  object: HeldObject,
  hashName: OaepHash,
  ciphertext: Uint8Array,
): Promise<Buffer | undefined> {
  if (!isBelowModulus(publicKey, ciphertext)) return undefined
  const data = Buffer.from(ciphertext)
  const block = await object.onThread((session) => session.decryptOnThread(rawRsa, object.handle, data))
  const whole = padded(block, modulusLength(publicKey))
  // Before the padding is looked at, which is taken off the very bytes.
  const isOpened = isPowerOf(publicKey, whole, ciphertext)
  const plaintext = decodeOaep(hashName, whole)
  if (plaintext === undefined && !isOpened) throw wrongly('not opened what it was given')
  return plaintext
}

/** Whether the block is what the ciphertext opens to. */
function isPowerOf(publicKey: KeyObject, block: Buffer, ciphertext: Uint8Array): boolean {
  try {
    return publicEncrypt({ key: publicKey, padding: constants.RSA_NO_PADDING }, block).equals(ciphertext)
  } catch (cause) {
    // As a number it is above the modulus.
    if (Error.isError(cause)) return false
    throw cause
  }
}

const rawRsa = mechanism(CKM.RSA_X_509)

function isBelowModulus(publicKey: KeyObject, ciphertext: Uint8Array): boolean {
  if (ciphertext.length !== modulusLength(publicKey)) return false
  const { n = '' } = publicKey.export({ format: 'jwk' })
  return Buffer.compare(ciphertext, Buffer.from(n, 'base64url')) < 0
}

/** Some tokens leave leading zeros out. */
function padded(block: Buffer, length: number): Buffer {
  if (block.length === length) return block
  if (block.length > length) throw wrongly('opened it to more than there can be')
  const whole = Buffer.alloc(length)
  whole.set(block, length - block.length)
  block.fill(0)
  return whole
}

export function ecdsaTokenKey({ curveId }: Shape<'ECDSA'>, publicKeyPem: string, object: HeldObject): SoftwareKey {
  const publicKey = createPublicKey(publicKeyPem)
  return {
    async encrypt(algorithm) {
      throw unfit(algorithm, 'an ECDSA')
    },
    async decrypt(algorithm) {
      throw unfit(algorithm, 'an ECDSA')
    },
    async sign(algorithm, messageType, message) {
      const row = requireEcdsaSigning(algorithm, curveId)
      requireDigestLength(row.hash, messageType, message)
      const digest = digestOf(row.hash, messageType, message)
      const raw = await object.onThread((session) => session.signOnThread(ecdsa, object.handle, digest))
      const signature = derSignature(requireWhole(raw, 2 * curves[curveId].coordinate))
      if (await isEcdsaSignature(publicKey, row, messageType, message, signature)) return signature
      throw wrongly(signedWrongly)
    },
    async verify(algorithm, messageType, message, signature) {
      const row = requireEcdsaSigning(algorithm, curveId)
      requireDigestLength(row.hash, messageType, message)
      return isEcdsaSignature(publicKey, row, messageType, message, signature)
    },
    destroy: object.destroy,
  }
}

/** A token that says yes and writes less has made none. */
export function requireWhole(signature: Buffer, length: number): Buffer {
  if (signature.length === length) return signature
  throw wrongly('made no whole signature')
}

export const signedWrongly = 'made no valid signature'

/** What it said it had done, and had not. */
export function wrongly(did: string): KmsError {
  return new KmsError('unavailable', `The HSM has ${did}; try again.`, { retryAfter: 1 })
}

export const ecdsa = mechanism(CKM.ECDSA)
const pkcs1 = mechanism(CKM.RSA_PKCS)
const hashes = {
  sha224: [CKM.SHA224, CKG.MGF1_SHA224],
  sha256: [CKM.SHA256, CKG.MGF1_SHA256],
  sha384: [CKM.SHA384, CKG.MGF1_SHA384],
  sha512: [CKM.SHA512, CKG.MGF1_SHA512],
} as const satisfies Record<SigningHash, readonly [number, number]>

function rsaMechanism({ padding, hash: name }: RsaSigning): Mechanism {
  if (padding === 'PKCS1') return pkcs1
  const [digest, mask] = hashes[name]
  return mechanism(CKM.RSA_PKCS_PSS, encodeWords(digest, mask, digestLengths[name]))
}

/** A message is hashed here: it is no secret of the HSM's. */
function digestOf(hashName: SigningHash, messageType: MessageType, message: Uint8Array): Buffer {
  return messageType === 'DIGEST' ? Buffer.from(message) : hash(hashName, message, 'buffer')
}
