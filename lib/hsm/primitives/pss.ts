import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import { digestLengths, type SigningHash } from '../algorithms.ts'

/**
 * EMSA-PSS (RFC 8017, section 9.1) over a digest, with MGF1 of the same hash and a salt as long as the digest: Node
 * pads only what it hashed itself. The encoding has one bit less than the modulus, whose length is a multiple of eight.
 */

const TRAILER = 0xbc
const PREFIX = Buffer.alloc(8)

export function encodePss(hashName: SigningHash, digest: Uint8Array, length: number): Buffer {
  const salt = randomBytes(digestLengths[hashName])
  const proof = hash(hashName, Buffer.concat([PREFIX, digest, salt]), 'buffer')
  const block = Buffer.alloc(length - proof.length - 1)
  block[block.length - salt.length - 1] = 0x01
  block.set(salt, block.length - salt.length)
  return Buffer.concat([masked(hashName, block, proof), proof, Buffer.from([TRAILER])])
}

export function isPss(hashName: SigningHash, digest: Uint8Array, encoded: Buffer): boolean {
  const hashLength = digestLengths[hashName]
  const blockLength = encoded.length - hashLength - 1
  const top = encoded[0] ?? 0xff
  if (encoded.at(-1) !== TRAILER || top > 0x7f || blockLength <= hashLength) return false
  const proof = encoded.subarray(blockLength, -1)
  const block = masked(hashName, encoded.subarray(0, blockLength), proof)
  const padding = block.subarray(0, blockLength - hashLength)
  if (padding.at(-1) !== 0x01 || padding.subarray(0, -1).some((byte) => byte !== 0)) return false
  const salt = block.subarray(blockLength - hashLength)
  return timingSafeEqual(hash(hashName, Buffer.concat([PREFIX, digest, salt]), 'buffer'), proof)
}

function masked(hashName: SigningHash, block: Buffer, seed: Buffer): Buffer {
  const result = Buffer.from(block)
  for (let start = 0, counter = 0; start < block.length; start += seed.length, counter++) {
    const mask = hash(hashName, Buffer.concat([seed, Buffer.from([0, 0, 0, counter])]), 'buffer')
    for (const [index, byte] of mask.entries()) {
      if (start + index < result.length) result[start + index] = (result[start + index] ?? 0) ^ byte
    }
  }
  result[0] = (result[0] ?? 0) & 0x7f
  return result
}
