import { createCipheriv, type Cipheriv, type KeyObject } from 'node:crypto'

const BLOCK = 16
const ZERO_IV = Buffer.alloc(BLOCK)

/** AES-CMAC (NIST SP 800-38B). The subkeys are computed once: they cost as much as a short message. */
export class Cmac {
  readonly #key: KeyObject
  readonly #cbc: string
  /** Kept for the key's life: ECB has no state between calls, and making a cipher object costs five times its use. */
  readonly #ecb: Cipheriv
  readonly #k1: Buffer
  readonly #k2: Buffer

  constructor(key: KeyObject) {
    const bits = (key.symmetricKeySize ?? 0) * 8
    this.#key = key
    this.#cbc = `aes-${bits}-cbc`
    this.#ecb = createCipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false)
    this.#k1 = doubled(this.#ecb.update(ZERO_IV))
    this.#k2 = doubled(this.#k1)
  }

  tag(message: Uint8Array): Buffer {
    const blocks = Math.max(1, Math.ceil(message.length / BLOCK))
    const padded = Buffer.alloc(blocks * BLOCK)
    padded.set(message)
    const isWhole = message.length === padded.length
    if (!isWhole) padded[message.length] = 0x80
    xorInto(padded.subarray(-BLOCK), isWhole ? this.#k1 : this.#k2)
    if (blocks === 1) return this.#ecb.update(padded)
    const chain = createCipheriv(this.#cbc, this.#key, ZERO_IV).setAutoPadding(false).update(padded)
    return Buffer.from(chain.subarray(-BLOCK))
  }

  /** The tag of each 16-byte message in `messages`, all in one AES call. */
  tagsOfBlocks(messages: Uint8Array): Buffer {
    const masked = Buffer.alloc(messages.length)
    for (let at = 0; at < masked.length; at++) masked[at] = (messages[at] ?? 0) ^ (this.#k1[at % BLOCK] ?? 0)
    return this.#ecb.update(masked)
  }

  /** Forgets what this object itself holds of the key. It must not be used afterwards. */
  destroy(): void {
    this.#k1.fill(0)
    this.#k2.fill(0)
  }
}

function xorInto(target: Buffer, mask: Buffer): void {
  for (let at = 0; at < mask.length; at++) target[at] = (target[at] ?? 0) ^ (mask[at] ?? 0)
}

/** Multiplication by x in GF(2^128), without a branch on secret bits. */
function doubled(block: Buffer): Buffer {
  const result = Buffer.alloc(BLOCK)
  let carry = 0
  for (let index = BLOCK - 1; index >= 0; index--) {
    const byte = block[index] ?? 0
    result[index] = (byte << 1) | carry
    carry = byte >> 7
  }
  result[BLOCK - 1] = (result[BLOCK - 1] ?? 0) ^ (0x87 * carry)
  return result
}
