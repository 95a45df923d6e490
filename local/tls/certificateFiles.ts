import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import { UserError, messageOf } from '../../lib/userError.ts'
import { regionNames, vaultNames } from '../names/regionNames.ts'

/** Where a certificate with its chain, and its key, lie; both PEM. */
export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** As node:tls takes them. */
export interface Certificate {
  readonly cert: string
  readonly key: string
}

/** @throws UserError where the two do not belong together, are out of date, or do not speak for a region's names. */
export function readCertificate(
  { certFile, keyFile }: CertificateFiles,
  regions: readonly string[],
  domain: string,
  now: number,
): Certificate {
  const cert = readPem(certFile)
  const key = readPem(keyFile)
  const certificate = parsed(certFile, () => new X509Certificate(cert))
  const privateKey = parsed(keyFile, () => createPrivateKey(key))
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new UserError(`${keyFile} is not the key of the certificate in ${certFile}.`)
  }
  // The rest of the chain, too.
  parsed(certFile, () => createSecureContext({ cert, key }))
  const { validFromDate, validToDate } = certificate
  if (now > validToDate.getTime()) throw new UserError(`${certFile} expired on ${validToDate.toISOString()}.`)
  if (now < validFromDate.getTime()) throw new UserError(`${certFile} is valid from ${validFromDate.toISOString()}.`)
  const missing = regions.flatMap((region) => missingNames(certificate, region, domain))
  if (missing.length > 0) throw new UserError(`${certFile} does not speak for ${missing.join(', ')}.`)
  return { cert, key }
}

/** The names without which nobody can use a region; those for identity and audit one may do without. */
function missingNames(certificate: X509Certificate, region: string, domain: string): readonly string[] {
  const [own = ''] = regionNames(region, domain)
  const [vault = ''] = vaultNames('aaaaaaaaaaaaa', region, domain)
  return [
    ...(certificate.checkHost(own) === undefined ? [own] : []),
    ...(certificate.checkHost(vault) === undefined ? [`*.${own}`] : []),
  ]
}

function readPem(file: string): string {
  return parsed(file, () => readFileSync(file, 'utf8'))
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const reason = code === 'ENOENT' ? 'is not there' : `cannot be used: ${messageOf(cause)}`
    throw new UserError(`${file} ${reason}${reason.endsWith('.') ? '' : '.'}`, { cause })
  }
}
