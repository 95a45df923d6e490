import { createPublicKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import { curves, type CurveId } from '../../algorithms.ts'
import { CKA } from '../library/constants.ts'
import { WrongAnswer } from '../library/pkcs11Error.ts'
import type { Handle, Session } from './session.ts'

/** Named curves as CKA_EC_PARAMS has them: DER object identifiers. */
export const oids = {
  NIST_P256: Buffer.from('06082a8648ce3d030107', 'hex'),
  NIST_P384: Buffer.from('06052b81040022', 'hex'),
  NIST_P521: Buffer.from('06052b81040023', 'hex'),
} as const satisfies Record<CurveId, Buffer>

const webNames = { NIST_P256: 'P-256', NIST_P384: 'P-384', NIST_P521: 'P-521' } as const satisfies Record<
  CurveId,
  string
>

export function rsaPublicKey(session: Session, handle: Handle): KeyObject {
  const [n = Buffer.alloc(0), e = Buffer.alloc(0)] = session.attributes(handle, CKA.MODULUS, CKA.PUBLIC_EXPONENT)
  const key = { kty: 'RSA', n: n.toString('base64url'), e: e.toString('base64url') }
  return publicKeyOf(key)
}

function publicKeyOf(key: JsonWebKey): KeyObject {
  try {
    return createPublicKey({ key, format: 'jwk' })
  } catch (cause) {
    throw new WrongAnswer('What the token gives as a public key is none.', { cause })
  }
}

export function ecPublicKey(session: Session, handle: Handle, curveId: CurveId): KeyObject {
  const [encoded = Buffer.alloc(0)] = session.attributes(handle, CKA.EC_POINT)
  // A DER OCTET STRING, or the point alone: it ends with the two coordinates either way.
  const { coordinate } = curves[curveId]
  const [x, y] = [encoded.subarray(-2 * coordinate, -coordinate), encoded.subarray(-coordinate)]
  const key = { kty: 'EC', crv: webNames[curveId], x: x.toString('base64url'), y: y.toString('base64url') }
  return publicKeyOf(key)
}

/** PKCS#11's r and s side by side as the ASN.1 DER that signatures have elsewhere. */
export function derSignature(raw: Buffer): Buffer {
  const half = raw.length / 2
  const content = Buffer.concat([derInteger(raw.subarray(0, half)), derInteger(raw.subarray(half))])
  const length = content.length < 0x80 ? [content.length] : [0x81, content.length]
  return Buffer.concat([Buffer.from([0x30, ...length]), content])
}

function derInteger(unsigned: Buffer): Buffer {
  let start = 0
  while (start < unsigned.length - 1 && unsigned[start] === 0) start++
  const digits = unsigned.subarray(start)
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : []
  return Buffer.concat([Buffer.from([0x02, digits.length + sign.length, ...sign]), digits])
}
