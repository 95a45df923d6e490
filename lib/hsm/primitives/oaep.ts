import { hash, timingSafeEqual } from 'node:crypto'
import { digestLengths, type OaepHash } from '../algorithms.ts'

/**
 * The message in an encoded block of RSA-OAEP (RFC 8017, 7.1.2, step 3; MGF1 of the same hash, empty label), for tokens that
 * know the bare RSA operation only. Undefined where there is none: without a branch on which of the reasons it is, or
 * whoever can ask often would learn the message (Manger). The caller clears the result; the block is cleared here.
 */
export function decodeOaep(hashName: OaepHash, block: Buffer): Buffer | undefined {
  const length = digestLengths[hashName]
  const seed = block.subarray(1, 1 + length)
  const data = block.subarray(1 + length)
  xorMask(hashName, seed, data)
  xorMask(hashName, data, seed)
  const isLabel = timingSafeEqual(data.subarray(0, length), hash(hashName, '', 'buffer'))
  let bad = isZero(block[0] ?? 1) ^ 1
  bad |= isLabel ? 0 : 1
  let isLooking = 1
  let start = 0
  for (let index = length; index < data.length; index++) {
    const byte = data[index] ?? 0
    const isOne = isZero(byte ^ 1)
    start |= (isLooking & isOne) * (index + 1)
    bad |= isLooking & (isOne ^ 1) & (isZero(byte) ^ 1)
    isLooking &= isOne ^ 1
  }
  try {
    return (bad | isLooking) === 0 ? Buffer.from(data.subarray(start)) : undefined
  } finally {
    block.fill(0)
  }
}

/** Of a byte: 1 or 0. */
function isZero(byte: number): number {
  return ((byte - 1) >>> 8) & 1
}

function xorMask(hashName: OaepHash, target: Buffer, seed: Buffer): void {
  for (let start = 0, counter = 0; start < target.length; counter++) {
    const mask = hash(hashName, Buffer.concat([seed, Buffer.from([0, 0, 0, counter])]), 'buffer')
    for (let index = 0; index < mask.length && start < target.length; index++, start++) {
      target[start] = (target[start] ?? 0) ^ (mask[index] ?? 0)
    }
    mask.fill(0)
  }
}
