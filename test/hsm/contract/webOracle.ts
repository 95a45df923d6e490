import { Crypto } from '@peculiar/webcrypto'
import { createPublicKey, hash, verify, type webcrypto } from 'node:crypto'
import {
  signingAlgorithms,
  type EcdsaSigning,
  type RsaSigning,
  type SigningAlgorithm,
} from '../../../lib/hsm/algorithms.ts'

/** @peculiar/webcrypto as a second opinion: the same operation by other code. */
// Its own types need those of a browser.
export const { subtle } = new Crypto() as unknown as webcrypto.Crypto
export const webHashes = { sha1: 'SHA-1', sha224: '', sha256: 'SHA-256', sha384: 'SHA-384', sha512: 'SHA-512' } as const
export const webCurves = {
  NIST_P256: ['P-256', 32],
  NIST_P384: ['P-384', 48],
  NIST_P521: ['P-521', 66],
} as const

/** Whether the signature is one of the message, as the oracle sees it; as node:crypto does where it has no such hash. */
export async function isSignedOutside(
  name: SigningAlgorithm,
  publicKeyPem: string,
  message: Buffer,
  signature: Buffer,
): Promise<boolean> {
  const row: RsaSigning | EcdsaSigning = signingAlgorithms[name]
  const der = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' })
  if (row.hash === 'sha224') {
    if (row.family !== 'RSA' || row.padding !== 'PSS') throw new Error('A deterministic signature needs no oracle.')
    return isPssOfSha224(publicKeyPem, message, signature)
  }
  if (row.family === 'RSA') {
    const padding = row.padding === 'PSS' ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5'
    const algorithm = { name: padding, hash: webHashes[row.hash], saltLength: hash(row.hash, '', 'buffer').length }
    const key = await subtle.importKey('spki', der, algorithm, false, ['verify'])
    return subtle.verify(algorithm, key, signature, message)
  }
  const [namedCurve, length] = webCurves[row.curveId]
  const algorithm = { name: 'ECDSA', namedCurve, hash: webHashes[row.hash] }
  const key = await subtle.importKey('spki', der, algorithm, false, ['verify'])
  return subtle.verify(algorithm, key, rawFromDer(signature, length), message)
}

const RSA_PKCS1_PSS_PADDING = 6

function isPssOfSha224(publicKeyPem: string, message: Buffer, signature: Buffer): boolean {
  return verify('sha224', message, { key: publicKeyPem, padding: RSA_PKCS1_PSS_PADDING, saltLength: 28 }, signature)
}

/** WebCrypto writes r and s side by side. */
export function derFromRaw(raw: Buffer): Buffer {
  const half = raw.length / 2
  const numbers = Buffer.concat([derNumber(raw.subarray(0, half)), derNumber(raw.subarray(half))])
  const length = numbers.length < 128 ? [numbers.length] : [0x81, numbers.length]
  return Buffer.concat([Buffer.from([0x30, ...length]), numbers])
}

function derNumber(bytes: Buffer): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0)
  const digits = bytes.subarray(start)
  const sign = (digits[0] ?? 0) > 127 ? [0] : []
  return Buffer.concat([Buffer.from([0x02, digits.length + sign.length, ...sign]), digits])
}

export function rawFromDer(der: Buffer, length: number): Buffer {
  const start = (der[1] ?? 0) > 127 ? 3 : 2
  const rEnd = start + 2 + (der[start + 1] ?? 0)
  const [r, s] = [der.subarray(start + 2, rEnd), der.subarray(rEnd + 2)]
  const padded = [r, s].map((digits) => Buffer.concat([Buffer.alloc(length), digits]).subarray(-length))
  return Buffer.concat(padded)
}
