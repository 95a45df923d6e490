import type { Logger } from '../../lib/ports.ts'
import type { CloudSettings } from '../cloudSettings.ts'
import { readCertificate } from './certificateFiles.ts'
import { WatchedCertificate } from './watchedCertificate.ts'

/** Undefined: no TLS. @throws UserError where it cannot be used. */
export function openCertificate(
  region: string,
  { certificate: files, advertised }: Pick<CloudSettings, 'certificate' | 'advertised'>,
  log: Pick<Logger, 'info' | 'warn'>,
): WatchedCertificate | undefined {
  if (files === null || advertised === null) return undefined
  // A certificate's dates are the world's, whatever a test makes of the clock.
  const read = () => readCertificate(files, [region], advertised.host, Date.now())
  return new WatchedCertificate({ files, read, log, region })
}
