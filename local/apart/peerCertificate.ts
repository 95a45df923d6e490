import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { UserError, messageOf } from '../../lib/userError.ts'
import { writeFileDurably } from '../../lib/durableFile.ts'
import type { HostDirectory } from '../directory/hostDirectory.ts'
import type { Certificate } from '../tls/certificateFiles.ts'

const days = 825

function files(directory: HostDirectory): { readonly certFile: string; readonly keyFile: string } {
  const folder = directory.file('peer') ?? ''
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return { certFile: `${folder}/cert.pem`, keyFile: `${folder}/key.pem` }
}

/** Under which this region speaks to others. Whoever trusted the one before must be told. */
export async function makePeerCertificate(directory: HostDirectory, region: string, now: number): Promise<void> {
  const { makeSelfSigned } = await import('../tls/makeCertificate.ts')
  const { cert, key } = await makeSelfSigned(region, { days, now })
  const { certFile, keyFile } = files(directory)
  writeFileDurably(keyFile, key, { mode: 0o600 })
  writeFileDurably(certFile, cert, { mode: 0o644 })
}

/** @throws UserError where it is not there, is no pair, or has ended. */
export function readPeerCertificate(directory: HostDirectory, now: number): Certificate {
  const { certFile, keyFile } = files(directory)
  try {
    const pair = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') }
    const ends = new X509Certificate(pair.cert).validToDate
    if (ends.getTime() < now) throw new Error(`it ended on ${ends.toISOString()}`)
    return pair
  } catch (cause) {
    throw new UserError(
      `${certFile} cannot be used: ${messageOf(cause)}; make another with vaultspan region renew, and have it trusted.`,
      { cause },
    )
  }
}
