import { createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto'

/** The initial value of RFC 5649, section 3. */
const INITIAL_VALUE = Buffer.from('a65959a6', 'hex')
const SEMIBLOCK = 8

/** AES key wrap with padding (RFC 5649). */
export function wrapKey(kek: KeyObject, material: Uint8Array): Buffer {
  if (material.length === 0) throw new RangeError('There is nothing to wrap.')
  const cipher = createCipheriv(cipherName(kek), kek, INITIAL_VALUE)
  return Buffer.concat([cipher.update(material), cipher.final()])
}

/** Undefined where the bytes are not what `wrapKey` makes with this key. The caller fills the result with zeros after use. */
export function unwrapKey(kek: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  // Lengths that RFC 5649 cannot produce: Node opens no bytes at all to no bytes, without an error.
  if (wrapped.length < 2 * SEMIBLOCK || wrapped.length % SEMIBLOCK !== 0) return undefined
  const material = opened(kek, wrapped)
  if (material === undefined) return undefined
  const semiblocks = Math.ceil(material.length / SEMIBLOCK)
  if (material.length > 0 && (semiblocks + 1) * SEMIBLOCK === wrapped.length) return material
  material.fill(0)
  return undefined
}

function opened(kek: KeyObject, wrapped: Uint8Array): Buffer | undefined {
  try {
    const decipher = createDecipheriv(cipherName(kek), kek, INITIAL_VALUE)
    const material = decipher.update(wrapped)
    decipher.final()
    return material
  } catch {
    return undefined
  }
}

function cipherName(kek: KeyObject): string {
  return `id-aes${(kek.symmetricKeySize ?? 0) * 8}-wrap-pad`
}
