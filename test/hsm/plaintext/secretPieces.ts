import type { JsonWebKey, KeyObject } from 'node:crypto'

/** What a test looks for in memory. Bound before anybody watches what node:crypto does (plaintextWatch.ts). */

const { createPrivateKey, generateKeyPairSync } = process.getBuiltinModule('node:crypto')
const bufferFrom = Buffer.from.bind(Buffer)
type Export = (this: KeyObject, options: { readonly format: 'jwk' }) => JsonWebKey
const pairs = Object.getPrototypeOf(generateKeyPairSync('ed25519').privateKey) as { readonly export: Export }
const exportPair = pairs.export

/** A part of a secret that says enough of it to be found, and too much to be found by chance. */
export const PIECE = 16
/** What is longer may be a pair. */
const longestSymmetric = 64

export function piecesOf(secret: Uint8Array): readonly Buffer[] {
  const isPair = secret.length > longestSymmetric
  const numbers = isPair
    ? privateNumbers(() => createPrivateKey({ key: bufferFrom(secret), format: 'der', type: 'pkcs8' }))
    : undefined
  return (numbers ?? [secret]).flatMap((each) => {
    // A constant, not a secret: what stands in for a key, an empty initial value.
    if (each.every((byte) => byte === each[0])) return []
    const count = Math.floor(each.length / PIECE)
    return Array.from({ length: count }, (_, at) => bufferFrom(each.subarray(at * PIECE, (at + 1) * PIECE)))
  })
}

/** Of a pair, what is not in its public half. */
export function privateNumbers(key: () => KeyObject): readonly Uint8Array[] | undefined {
  try {
    const { d = '', p = '', q = '', dp = '', dq = '', qi = '' } = exportPair.call(key(), { format: 'jwk' })
    return [d, p, q, dp, dq, qi].map((text) => bufferFrom(text, 'base64url'))
  } catch {
    return undefined
  }
}
