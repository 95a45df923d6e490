import { createCipheriv, createDecipheriv, createSecretKey, type CipherGCMTypes, type KeyObject } from 'node:crypto'
import type { Cmac } from './cmac.ts'

/**
 * A key for each message, derived as in C2SP's XAES-256-GCM, and two more blocks of the same function for a key
 * commitment, which that construction alone does not give. AES-128 and AES-192 master keys derive a key of their own length.
 */

export const NONCE_LENGTH = 24
const TAG_LENGTH = 16
const SALT_LENGTH = 12

/** The tags of four 16-byte messages under a master key that never leaves its backend: 64 bytes. */
export type DeriveBlocks = (messages: Buffer) => Buffer

export interface MessageKey {
  readonly key: KeyObject
  readonly cipher: CipherGCMTypes
  readonly iv: Uint8Array
  /** 32 secret bytes: the caller fills them with zeros. */
  readonly commitmentKey: Buffer
}

const ciphers = { 16: 'aes-128-gcm', 24: 'aes-192-gcm', 32: 'aes-256-gcm' } as const satisfies Record<
  16 | 24 | 32,
  CipherGCMTypes
>

export function deriveMessageKey(derive: DeriveBlocks, keyLength: 16 | 24 | 32, nonce: Uint8Array): MessageKey {
  const messages = Buffer.allocUnsafe(64).fill(0)
  for (let block = 0; block < 4; block++) {
    const start = block * 16
    messages[start + 1] = block + 1
    messages[start + 2] = 0x58 // the label `X`
    for (let at = 0; at < SALT_LENGTH; at++) messages[start + 4 + at] = nonce[at] ?? 0
  }
  const blocks = derive(messages)
  const [secret, commitmentKey] = [blocks.subarray(0, 32), blocks.subarray(32)]
  try {
    return {
      key: createSecretKey(secret.subarray(0, keyLength)),
      cipher: ciphers[keyLength],
      iv: nonce.subarray(SALT_LENGTH, NONCE_LENGTH),
      commitmentKey,
    }
  } finally {
    secret.fill(0)
  }
}

/** How a backend with the key at hand derives. */
export function deriveWith(cmac: Cmac): DeriveBlocks {
  return (messages) => cmac.tagsOfBlocks(messages)
}

export function encryptMessage(key: MessageKey, aad: Uint8Array, plaintext: Uint8Array): { body: Buffer; tag: Buffer } {
  const cipher = createCipheriv(key.cipher, key.key, key.iv, { authTagLength: TAG_LENGTH }).setAAD(aad)
  const body = cipher.update(plaintext)
  cipher.final()
  return { body, tag: cipher.getAuthTag() }
}

/** Undefined where the tag does not fit. */
export function decryptMessage(key: MessageKey, aad: Uint8Array, ciphertext: Uint8Array): Buffer | undefined {
  const end = ciphertext.length - TAG_LENGTH
  const decipher = createDecipheriv(key.cipher, key.key, key.iv, { authTagLength: TAG_LENGTH })
  decipher.setAAD(aad).setAuthTag(ciphertext.subarray(end))
  const plaintext = decipher.update(ciphertext.subarray(0, end))
  try {
    decipher.final()
    return plaintext
  } catch {
    plaintext.fill(0)
    return undefined
  }
}
