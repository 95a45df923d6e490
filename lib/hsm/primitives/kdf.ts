import { createSecretKey, type KeyObject } from 'node:crypto'
import type { Cmac } from './cmac.ts'

/** AES-CMAC with a key, wherever that lives. */
export type CmacKey = Pick<Cmac, 'tag'>

const BITS = Buffer.from([0, 0, 1, 0])

/** An AES-256 key from a root: NIST SP 800-108r1 in counter mode with CMAC (32-bit counter and length). */
export function deriveKey(root: CmacKey, label: string, context: string): KeyObject {
  const fixed = Buffer.concat([Buffer.from(`${label}\0${context}`), BITS])
  const secrets: Buffer[] = []
  const kept = (secret: Buffer) => {
    secrets.push(secret)
    return secret
  }
  try {
    const first = kept(root.tag(Buffer.concat([Buffer.from([0, 0, 0, 1]), fixed])))
    const second = kept(root.tag(Buffer.concat([Buffer.from([0, 0, 0, 2]), fixed])))
    return createSecretKey(kept(Buffer.concat([first, second])))
  } finally {
    for (const secret of secrets) secret.fill(0)
  }
}
