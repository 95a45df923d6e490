import { resolve } from 'node:path'
import { UserError } from '../../lib/userError.ts'
import { readCertificate, type CertificateFiles } from './certificateFiles.ts'

/** The flags that say which certificate is shown. */
export interface TlsFlags {
  readonly tls?: true
  readonly tlsCert?: string
  readonly tlsKey?: string
}

/** Where the certificate lies that speaks for these regions. Asked at the start and every day. @throws UserError */
export interface CertificateSource {
  /** Its authority is made here: whom clients are to trust; undefined where the certificate is the operator's own. */
  readonly authorityIn?: (data: string) => string
  files(data: string, regions: readonly string[], domain: string): Promise<CertificateFiles>
}

/** null: no TLS. @throws UserError */
export async function certificateSource({ tls, tlsCert, tlsKey }: TlsFlags): Promise<CertificateSource | null> {
  if (tlsCert === undefined && tlsKey === undefined) return tls === true ? ownAuthority() : null
  if (tls === true) throw new UserError('--tls makes a certificate; leave it out beside --tls-cert and --tls-key.')
  if (tlsCert === undefined || tlsKey === undefined) throw new UserError('--tls-cert and --tls-key go together.')
  const files = { certFile: resolve(tlsCert), keyFile: resolve(tlsKey) }
  return {
    files: async (_, regions, domain) => {
      readCertificate(files, regions, domain, Date.now())
      return files
    },
  }
}

async function ownAuthority(): Promise<CertificateSource> {
  // Loaded here alone: nobody else needs what makes certificates.
  const { localAuthority, authorityFile } = await import('./localAuthority.ts')
  const folder = (data: string) => resolve(data, 'tls')
  return {
    authorityIn: (data) => authorityFile(folder(data)),
    files: (data, regions, domain) => localAuthority({ folder: folder(data), regions, domain, now: Date.now() }),
  }
}
