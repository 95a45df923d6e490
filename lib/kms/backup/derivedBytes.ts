import { hash } from 'node:crypto'
import type { RandomBytes } from '../../ocid.ts'

/** Bytes that are the same for the same names, so that doing something twice gives one result and not two. */
export function derivedBytes(...names: readonly string[]): RandomBytes {
  let block = 0
  return (length) => {
    const blocks: Buffer[] = []
    for (let bytes = 0; bytes < length; bytes += 64) {
      blocks.push(hash('sha512', JSON.stringify([...names, (block += 1)]), 'buffer'))
    }
    return Buffer.concat(blocks).subarray(0, length)
  }
}
