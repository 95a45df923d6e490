import { createPublicKey, type KeyObject } from 'node:crypto'
import { KmsError, rsaDoesNotOpen } from '../../errors.ts'
import { requireDigestLength, requireEcdsaSigning, requireOaepHash, requireRsaSigning, unfit } from '../algorithms.ts'
import { Cmac } from '../primitives/cmac.ts'
import { ecdsaSign, isEcdsaSignature } from '../primitives/ecdsa.ts'
import { decryptWith, encryptWith, type MasterKey } from '../formats/ciphertext.ts'
import type { KeyShape, UsableKey } from '../hsm.ts'
import { isRsaSignature, rsaDecrypt, rsaEncrypt, rsaSign } from '../primitives/rsa.ts'
import { deriveWith } from '../primitives/xaes.ts'

export interface SoftwareKey extends UsableKey {
  /** Clears what is not OpenSSL's. */
  destroy(): void
}

type Shape<A extends KeyShape['algorithm']> = Extract<KeyShape, { algorithm: A }>

export function aesKey(shape: Shape<'AES'>, materialId: string, key: KeyObject): SoftwareKey {
  // INVARIANT: a master key is used for CMAC only, never with GCM itself.
  const cmac = new Cmac(key)
  const master: MasterKey = { length: shape.length, materialId, derive: deriveWith(cmac) }
  return masterKeyAs(master, () => {
    cmac.destroy()
  })
}

/** What a master key is used for, wherever it derives. */
export function masterKeyAs(master: MasterKey, destroy: () => void): SoftwareKey {
  return {
    encrypt(algorithm, plaintext, associatedData) {
      if (algorithm !== 'AES_256_GCM') throw unfit(algorithm, 'an AES')
      return encryptWith(master, plaintext, associatedData)
    },
    decrypt(algorithm, ciphertext, associatedData) {
      if (algorithm !== 'AES_256_GCM') throw unfit(algorithm, 'an AES')
      return decryptWith(master, ciphertext, associatedData)
    },
    async sign(algorithm) {
      throw unfit(algorithm, 'an AES')
    },
    async verify(algorithm) {
      throw unfit(algorithm, 'an AES')
    },
    destroy,
  }
}

export function rsaKey(privateKey: KeyObject): SoftwareKey {
  const publicKey = createPublicKey(privateKey)
  return {
    async encrypt(algorithm, plaintext, associatedData) {
      const hash = requireOaepHash(algorithm)
      requireNoAssociatedData(associatedData)
      return rsaEncrypt(publicKey, hash, plaintext)
    },
    async decrypt(algorithm, ciphertext, associatedData) {
      const hash = requireOaepHash(algorithm)
      requireNoAssociatedData(associatedData)
      const plaintext = await rsaDecrypt(privateKey, hash, ciphertext)
      if (plaintext === undefined) throw rsaDoesNotOpen()
      return plaintext
    },
    async sign(algorithm, messageType, message) {
      const row = requireRsaSigning(algorithm)
      requireDigestLength(row.hash, messageType, message)
      return rsaSign(privateKey, row, messageType, message)
    },
    async verify(algorithm, messageType, message, signature) {
      const row = requireRsaSigning(algorithm)
      requireDigestLength(row.hash, messageType, message)
      return isRsaSignature(publicKey, row, messageType, message, signature)
    },
    destroy: nothingToClear,
  }
}

export function ecdsaKey({ curveId }: Shape<'ECDSA'>, privateKey: KeyObject): SoftwareKey {
  const publicKey = createPublicKey(privateKey)
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
      return ecdsaSign(privateKey, row, messageType, message)
    },
    async verify(algorithm, messageType, message, signature) {
      const row = requireEcdsaSigning(algorithm, curveId)
      requireDigestLength(row.hash, messageType, message)
      return isEcdsaSignature(publicKey, row, messageType, message, signature)
    },
    destroy: nothingToClear,
  }
}

export function requireNoAssociatedData(associatedData: Readonly<Record<string, string>>): void {
  if (Object.keys(associatedData).length === 0) return
  throw new KmsError('invalidParameter', 'associatedData has a meaning for AES keys only.')
}

function nothingToClear(): void {
  // The key lives in OpenSSL's memory, which is cleared when the KeyObject is collected.
}
