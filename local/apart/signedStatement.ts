import { X509Certificate, sign, verify } from 'node:crypto'
import { canonicalObject, type JsonObject } from '../../lib/canonicalJson.ts'
import type { Certificate } from '../tls/certificateFiles.ts'
import type { RegionExport } from './apartRegion.ts'

/** Signed by the key of the certificate that it names: whoever compares that certificate's fingerprint has compared all of it. */
export function signStatement(said: Omit<RegionExport, 'signature'>, { key }: Pick<Certificate, 'key'>): RegionExport {
  return { ...said, signature: sign('sha256', signedBytes(said), key).toString('base64') }
}

/** Whether nothing of it was altered since; members that this version does not know count too. */
export function isSignedStatement(said: Pick<RegionExport, 'certificate' | 'signature'>): boolean {
  const { publicKey } = new X509Certificate(said.certificate)
  return verify('sha256', signedBytes(said), publicKey, Buffer.from(said.signature, 'base64'))
}

const unsigned: ReadonlySet<string> = new Set(['signature'])

function signedBytes(said: object): Buffer {
  return Buffer.from(canonicalObject(said as JsonObject, unsigned))
}
