import { createPrivateKey, createPublicKey, sign, verify, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { curves } from '../algorithms.ts'

/** The signatures of identity keys and tenancy roots: ECDSA P-384 with SHA-384, DER, made and checked in the thread pool. */

const signInPool = promisify(sign)
const verifyInPool = promisify(verify)

export function signP384(privateKey: KeyObject, bytes: Uint8Array): Promise<Buffer> {
  return signInPool('sha384', bytes, { key: privateKey, dsaEncoding: 'der' })
}

export function isP384Signature(publicKey: KeyObject, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> {
  return verifyInPool('sha384', bytes, { key: publicKey, dsaEncoding: 'der' }, signature)
}

/** Undefined for any text that is not a P-384 public key. */
export function p384PublicKey(pem: string): KeyObject | undefined {
  return p384Key(() => createPublicKey(pem))
}

/** Undefined for any text that is not a P-384 private key. */
export function p384PrivateKey(pem: string): KeyObject | undefined {
  return p384Key(() => createPrivateKey(pem))
}

function p384Key(parse: () => KeyObject): KeyObject | undefined {
  try {
    const key = parse()
    return key.asymmetricKeyDetails?.namedCurve === curves.NIST_P384.openssl ? key : undefined
  } catch {
    return undefined
  }
}

export function publicKeyPem(key: KeyObject): string {
  return key.export({ type: 'spki', format: 'pem' }).toString()
}
