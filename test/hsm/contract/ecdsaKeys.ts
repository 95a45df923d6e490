import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { CurveId } from '../../../lib/hsm/hsm.ts'

/** Private numbers of RFC 6979, A.2.5 to A.2.7, and the points that belong to them. */
const published = {
  NIST_P256: {
    crv: 'P-256',
    d: 'c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    x: '60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6',
    y: '7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
  },
  NIST_P384: {
    crv: 'P-384',
    d: '6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
    x: 'ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc13',
    y: '8015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
  },
  NIST_P521: {
    crv: 'P-521',
    d: '00fad06daa62ba3b25d2fb40133da757205de67f5bb0018fee8c86e1b68c7e75caa896eb32f1f47c70855836a6d16fcc1466f6d8fbec67db89ec0c08b0e996b83538',
    x: '01894550d0785932e00eaa23b694f213f8c3121f86dc97a04e5a7167db4e5bcd371123d46e45db6b5d5370a7f20fb633155d38ffa16d2bd761dcac474b9a2f5023a4',
    y: '00493101c962cd4d2fddf782285e64584139c2f91b47f87ff82354d6630f746a28a0db25741b5b34a828008b22acc23f924faafbd4d33f81ea66956dfeaa2bfdfcf5',
  },
} as const satisfies Record<CurveId, object>

/** PEM SubjectPublicKeyInfo. */
export const publishedEcdsaKeys: Readonly<Record<CurveId, string>> = {
  NIST_P256: pemOf('NIST_P256'),
  NIST_P384: pemOf('NIST_P384'),
  NIST_P521: pemOf('NIST_P521'),
}

/**
 * PKCS#8 DER of the published private number beside this public key. With another key's point it signs nothing that is of
 * use, and verifies: signatures are published with a public key alone.
 */
export function ecdsaPkcs8(curveId: CurveId, publicKeyPem: string): Buffer {
  const jwk = createPublicKey(publicKeyPem).export({ format: 'jwk' })
  const key = createPrivateKey({ key: { ...jwk, d: base64url(published[curveId].d) }, format: 'jwk' })
  return key.export({ type: 'pkcs8', format: 'der' })
}

function pemOf(curveId: CurveId): string {
  const { crv, x, y } = published[curveId]
  const key = createPublicKey({ key: { kty: 'EC', crv, x: base64url(x), y: base64url(y) }, format: 'jwk' })
  return key.export({ type: 'spki', format: 'pem' }).toString()
}

function base64url(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64url')
}
