import { createPrivateKey, createSecretKey, generateKeyPair, randomBytes, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { curves } from '../algorithms.ts'
import type { KeyShape } from '../hsm.ts'

const generatePair = promisify(generateKeyPair)

/** A new key in plaintext, as it goes under AES-KWP: raw bytes (AES) or PKCS#8 DER. The caller fills `secret` with zeros. */
export interface Material {
  readonly secret: Buffer
  /** PEM SubjectPublicKeyInfo. */
  readonly publicKey?: string
}

/** Makes an RSA pair of so many bits. A port, because most of what tests do with one does not ask for a fresh one. */
export type RsaGenerator = (modulusLength: number) => Promise<Required<Material>>

/** RSA and ECDSA pairs are made in OpenSSL's thread pool: an RSA-4096 pair takes up to 1.6 s. */
export async function generateMaterial(shape: KeyShape, generateRsa: RsaGenerator): Promise<Material> {
  switch (shape.algorithm) {
    case 'AES':
      return { secret: randomBytes(shape.length) }
    case 'RSA':
      return generateRsa(shape.length * 8)
    case 'ECDSA': {
      const { privateKey, publicKey } = await generatePair('ec', {
        namedCurve: curves[shape.curveId].openssl,
        privateKeyEncoding: { type: 'pkcs8', format: 'der' },
        publicKeyEncoding: { type: 'spki', format: 'pem' },
      })
      return { secret: privateKey, publicKey }
    }
  }
}

export async function generateRsaMaterial(modulusLength: number): Promise<Required<Material>> {
  const { privateKey, publicKey } = await generatePair('rsa', {
    modulusLength,
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  })
  return { secret: privateKey, publicKey }
}

/** Undefined where the bytes are no key of this shape. OpenSSL keeps its own copy: the caller still clears `secret`. */
export function keyFromMaterial(shape: KeyShape, secret: Buffer): KeyObject | undefined {
  if (shape.algorithm === 'AES') return secret.length === shape.length ? createSecretKey(secret) : undefined
  const key = privateKeyFrom(secret)
  const details = key?.asymmetricKeyDetails
  const fits =
    shape.algorithm === 'RSA'
      ? details?.modulusLength === shape.length * 8
      : details?.namedCurve === curves[shape.curveId].openssl
  return fits ? key : undefined
}

function privateKeyFrom(pkcs8: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
  } catch {
    return undefined
  }
}
