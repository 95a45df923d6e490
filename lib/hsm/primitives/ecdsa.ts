import { sign, verify, type KeyObject } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { promisify } from 'node:util'
import { curves, type EcdsaSigning } from '../algorithms.ts'
import type { CurveId, MessageType } from '../hsm.ts'

// Verifying takes longer than signing on these curves, 1 to 2 ms: in the thread pool too.
const signInPool = promisify(sign)
const verifyInPool = promisify(verify)

/** ASN.1 DER. Over a digest see `nobleCurve`. */
export async function ecdsaSign(
  privateKey: KeyObject,
  { curveId, hash }: EcdsaSigning,
  messageType: MessageType,
  message: Uint8Array,
): Promise<Buffer> {
  if (messageType === 'RAW') return signInPool(hash, message, { key: privateKey, dsaEncoding: 'der' })
  const curve = await nobleCurve(curveId)
  await setImmediate()
  const scalar = privateScalar(privateKey, curveId)
  try {
    return Buffer.from(curve.sign(message, scalar, { ...overDigest, extraEntropy: true }))
  } finally {
    scalar.fill(0)
  }
}

export async function isEcdsaSignature(
  publicKey: KeyObject,
  { curveId, hash }: EcdsaSigning,
  messageType: MessageType,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (messageType === 'RAW') return verifyInPool(hash, message, { key: publicKey, dsaEncoding: 'der' }, signature)
  const curve = await nobleCurve(curveId)
  await setImmediate()
  try {
    return curve.verify(signature, message, publicPoint(publicKey, curveId), overDigest)
  } catch {
    return false // not DER, or numbers out of range
  }
}

const overDigest = { prehash: false, format: 'der', lowS: false } as const

/**
 * Node 24 has no ECDSA over a given digest, so this one case runs in JavaScript: 2 to 15 ms. Only the software backend signs so,
 * which is not constant time to the standard of OpenSSL; what a token has signed is verified so. Imported at first use, because
 * loading it takes 50 ms.
 */
async function nobleCurve(curveId: CurveId) {
  return (await import('@noble/curves/nist.js'))[curves[curveId].noble]
}

/** From SEC1 DER, whose scalar has the curve's whole length: a JWK would leave it in a string that nobody can overwrite. */
function privateScalar(privateKey: KeyObject, curveId: CurveId): Buffer {
  const der = privateKey.export({ type: 'sec1', format: 'der' })
  try {
    const length = curves[curveId].coordinate
    const start = der.indexOf(Buffer.from([0x02, 0x01, 0x01, 0x04, length])) + 5
    return Buffer.from(der.subarray(start, start + length))
  } finally {
    der.fill(0)
  }
}

/** The uncompressed point ends a SubjectPublicKeyInfo. */
function publicPoint(publicKey: KeyObject, curveId: CurveId): Buffer {
  return publicKey.export({ type: 'spki', format: 'der' }).subarray(-(2 * curves[curveId].coordinate + 1))
}
