import { Crypto } from '@peculiar/webcrypto'
import { createCipheriv, createDecipheriv, randomBytes, type KeyObject, type webcrypto } from 'node:crypto'
import type { WrappingScheme } from '../../../lib/hsm/hsm.ts'

/** What a caller does at home for import and export: OAEP by @peculiar/webcrypto, RFC 5649 spelled out over single AES blocks. */

// Its own types need those of a browser.
const { subtle } = new Crypto() as unknown as webcrypto.Crypto
const oaep = { name: 'RSA-OAEP', hash: 'SHA-256' } as const
/** RFC 5649, section 3. */
const INITIAL_VALUE = 0xa65959a6

export async function wrapOutside(publicKeyPem: string, scheme: WrappingScheme, material: Uint8Array): Promise<Buffer> {
  if (scheme === 'RSA_OAEP_SHA256') return oaepEncrypt(publicKeyPem, material)
  const temporary = randomBytes(32)
  return Buffer.concat([await oaepEncrypt(publicKeyPem, temporary), padAndWrap(temporary, material)])
}

export async function unwrapOutside(privateKey: KeyObject, scheme: WrappingScheme, blob: Buffer): Promise<Buffer> {
  if (scheme === 'RSA_OAEP_SHA256') return oaepDecrypt(privateKey, blob)
  const length = (privateKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8
  return unwrapAndStrip(await oaepDecrypt(privateKey, blob.subarray(0, length)), blob.subarray(length))
}

export async function oaepEncrypt(publicKeyPem: string, plaintext: Uint8Array): Promise<Buffer> {
  const der = Buffer.from(publicKeyPem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  const key = await subtle.importKey('spki', der, oaep, false, ['encrypt'])
  return Buffer.from(await subtle.encrypt(oaep, key, new Uint8Array(plaintext)))
}

async function oaepDecrypt(privateKey: KeyObject, ciphertext: Buffer): Promise<Buffer> {
  const der = privateKey.export({ type: 'pkcs8', format: 'der' })
  const key = await subtle.importKey('pkcs8', der, oaep, false, ['decrypt'])
  return Buffer.from(await subtle.decrypt(oaep, key, ciphertext))
}

/** RFC 5649, section 4.1, for more than eight bytes. */
export function padAndWrap(kek: Buffer, material: Uint8Array): Buffer {
  const header = Buffer.alloc(8)
  header.writeUInt32BE(INITIAL_VALUE)
  header.writeUInt32BE(material.length, 4)
  const padded = Buffer.alloc(Math.ceil(material.length / 8) * 8)
  padded.set(material)
  const blocks = eighths(padded)
  let check: Buffer = header
  for (let step = 1; step <= 6 * blocks.length; step++) {
    const at = (step - 1) % blocks.length
    const block = aesBlock(kek, Buffer.concat([check, blocks[at] ?? header]))
    check = counted(block.subarray(0, 8), step)
    blocks[at] = block.subarray(8)
  }
  return Buffer.concat([check, ...blocks])
}

/** RFC 5649, section 4.2. */
function unwrapAndStrip(kek: Buffer, wrapped: Buffer): Buffer {
  const [first = Buffer.alloc(8), ...blocks] = eighths(wrapped)
  let check: Buffer = first
  for (let step = 6 * blocks.length; step >= 1; step--) {
    const at = (step - 1) % blocks.length
    const block = aesBlock(kek, Buffer.concat([counted(check, step), blocks[at] ?? first]), false)
    check = block.subarray(0, 8)
    blocks[at] = block.subarray(8)
  }
  const padded = Buffer.concat(blocks)
  const length = check.readUInt32BE(4)
  const padding = padded.subarray(length)
  if (check.readUInt32BE() !== INITIAL_VALUE || padding.length > 7 || padding.some((byte) => byte !== 0)) {
    throw new Error('The outside finds no key in the blob.')
  }
  return padded.subarray(0, length)
}

function aesBlock(kek: Buffer, block: Buffer, isEncrypting = true): Buffer {
  const make = isEncrypting ? createCipheriv : createDecipheriv
  return make('aes-256-ecb', kek, null).setAutoPadding(false).update(block)
}

function counted(check: Buffer, step: number): Buffer {
  const result = Buffer.from(check)
  result.writeUInt32BE((result.readUInt32BE(4) ^ step) >>> 0, 4)
  return result
}

function eighths(bytes: Buffer): Buffer[] {
  return Array.from({ length: bytes.length / 8 }, (_, index) => bytes.subarray(index * 8, index * 8 + 8))
}
