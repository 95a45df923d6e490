import { createCipheriv, type Cipheriv, type KeyObject } from 'node:crypto'

const BLOCK = 16
const ZERO_IV = Buffer.alloc(BLOCK)

interface Chain {
  readonly cipher: Cipheriv
  /** Its last block, which CBC adds to the next one. */
  readonly last: Buffer
}

/** AES-CMAC (NIST SP 800-38B). The subkeys are computed once: they cost as much as a short message. */
export class Cmac {
  readonly #key: KeyObject
  readonly #cbc: string
  /** Kept for the key's life: ECB has no state between calls, and making a cipher object costs five times its use. */
  readonly #ecb: Cipheriv
  readonly #k1: Buffer
  readonly #k2: Buffer
  /** Kept likewise, from the first long message on: what CBC remembers of the message before is taken out of the next. */
  #chain: Chain | undefined

  constructor(key: KeyObject) {
    const bits = (key.symmetricKeySize ?? 0) * 8
    this.#key = key
    this.#cbc = `aes-${bits}-cbc`
    this.#ecb = createCipheriv(`aes-${bits}-ecb`, key, null).setAutoPadding(false)
    this.#k1 = doubled(this.#ecb.update(ZERO_IV))
    this.#k2 = doubled(this.#k1)
  }

  tag(message: Uint8Array): Buffer {
    const end = Math.max(1, Math.ceil(message.length / BLOCK)) * BLOCK
    // One block more goes through the chain, so that what it remembers is no tag: a tag may be a key.
    const padded = Buffer.allocUnsafe(end + BLOCK)
    padded.set(message)
    padded.fill(0, message.length)
    const isWhole = message.length === end
    if (!isWhole) padded[message.length] = 0x80
    xorInto(padded, end - BLOCK, isWhole ? this.#k1 : this.#k2)
    const tag = end === BLOCK ? this.#ecb.update(padded.subarray(0, BLOCK)) : this.#chained(padded, end)
    padded.fill(0)
    return tag
  }

  #chained(padded: Buffer, end: number): Buffer {
    const chain = this.#chain ?? this.#newChain()
    const { cipher, last } = chain
    // One that fails in the middle is not used again.
    this.#chain = undefined
    xorInto(padded, 0, last)
    const blocks = cipher.update(padded)
    const tag = Buffer.from(blocks.subarray(end - BLOCK, end))
    blocks.copy(last, 0, end)
    blocks.fill(0)
    this.#chain = chain
    return tag
  }

  #newChain(): Chain {
    const cipher = createCipheriv(this.#cbc, this.#key, ZERO_IV).setAutoPadding(false)
    return { cipher, last: Buffer.alloc(BLOCK) }
  }

  /** The tag of each 16-byte message in `messages`, all in one AES call. */
  tagsOfBlocks(messages: Uint8Array): Buffer {
    const masked = Buffer.allocUnsafe(messages.length)
    for (let at = 0; at < masked.length; at++) masked[at] = (messages[at] ?? 0) ^ (this.#k1[at % BLOCK] ?? 0)
    return this.#ecb.update(masked)
  }

  /** Forgets what this object itself holds of the key. It must not be used afterwards. */
  destroy(): void {
    this.#k1.fill(0)
    this.#k2.fill(0)
    this.#chain = undefined
  }
}

function xorInto(target: Buffer, start: number, block: Buffer): void {
  for (let at = 0; at < BLOCK; at++) target[start + at] = (target[start + at] ?? 0) ^ (block[at] ?? 0)
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
