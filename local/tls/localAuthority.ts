import { X509Certificate, createPrivateKey } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { writeFileDurably } from '../../lib/durableFile.ts'
import { UserError, messageOf } from '../../lib/userError.ts'
import { regionNames } from '../names/regionNames.ts'
import type { Certificate, CertificateFiles } from './certificateFiles.ts'
import { makeAuthority, makeServerCertificate } from './makeCertificate.ts'

export interface AuthorityOptions {
  /** Made where it is not there. */
  readonly folder: string
  readonly domain: string
  readonly regions: readonly string[]
  readonly now: number
}

/** Where clients find whom they are to trust. */
export function authorityFile(folder: string): string {
  return join(folder, 'ca.pem')
}

const dayMs = 86_400_000
const authorityDays = 3650
/** No client refuses a certificate for being valid this long. */
const serverDays = 397
/** With fewer days left a start makes a new one. */
const renewalDays = 60

/**
 * The certificate of an authority of this directory's own. Made where it is not there, does not cover the names or ends
 * soon; the authority itself only for another domain or towards its end. @throws UserError where its files cannot be used.
 */
export async function localAuthority(options: AuthorityOptions): Promise<CertificateFiles> {
  const { folder, domain, regions, now } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const authorityFiles = { certFile: authorityFile(folder), keyFile: join(folder, 'ca.key.pem') }
  const files = { certFile: join(folder, 'server.pem'), keyFile: join(folder, 'server.key.pem') }
  const names = namesOf(regions, domain)
  const known = knownAuthority(authorityFiles, domain, now)
  const authority =
    known ?? (await makeAuthority(nameFor(domain), [...new Set([domain, 'localhost'])], { days: authorityDays, now }))
  if (known === undefined) keep(authorityFiles, authority)
  if (!isFit(files, authority, names, now)) {
    keep(files, await makeServerCertificate(authority, names, { days: serverDays, now }))
  }
  return files
}

function namesOf(regions: readonly string[], domain: string): readonly string[] {
  const named = regions.flatMap((region) => [...regionNames(region, domain), `*.kms.${region}.${domain}`])
  return [...named, 'localhost', '127.0.0.1', '::1']
}

function nameFor(domain: string): string {
  return `Vaultspan local authority for ${domain}`
}

/** Undefined where there is none, it speaks for another domain, or it ends soon: then clients must trust another. */
function knownAuthority({ certFile, keyFile }: CertificateFiles, domain: string, now: number): Certificate | undefined {
  if (!existsSync(certFile) || !existsSync(keyFile)) return undefined
  try {
    const [cert, key] = [readFileSync(certFile, 'utf8'), readFileSync(keyFile, 'utf8')]
    const certificate = new X509Certificate(cert)
    if (!certificate.checkPrivateKey(createPrivateKey(key))) throw new Error('the key is of another certificate')
    const isCurrent = certificate.validToDate.getTime() - now > serverDays * dayMs
    return isCurrent && certificate.subject === `CN=${nameFor(domain)}` ? { cert, key } : undefined
  } catch (cause) {
    const reason = `${certFile} and its key cannot be used: ${messageOf(cause)}. Remove both for new ones.`
    throw new UserError(reason, { cause })
  }
}

/** Whether what is there may be shown for another while. */
function isFit(
  { certFile, keyFile }: CertificateFiles,
  authority: Certificate,
  names: readonly string[],
  now: number,
): boolean {
  try {
    const certificate = new X509Certificate(readFileSync(certFile))
    return (
      certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile, 'utf8'))) &&
      certificate.verify(new X509Certificate(authority.cert).publicKey) &&
      certificate.validToDate.getTime() - now > renewalDays * dayMs &&
      names.every((name) => speaksFor(certificate, name))
    )
  } catch {
    return false
  }
}

function speaksFor(certificate: X509Certificate, name: string): boolean {
  if (isIP(name) !== 0) return certificate.checkIP(name) !== undefined
  return certificate.checkHost(name.replace('*', 'a')) !== undefined
}

/** The key first: a certificate that is there has its key. */
function keep({ certFile, keyFile }: CertificateFiles, { cert, key }: Certificate): void {
  writeFileDurably(keyFile, key, { mode: 0o600 })
  writeFileDurably(certFile, cert, { mode: 0o644 })
}
