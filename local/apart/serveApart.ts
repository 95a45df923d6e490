import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import { UserError } from '../../lib/userError.ts'
import { settingsFromEnvironment } from '../cloudSettings.ts'
import { processLogger } from '../processLogger.ts'
import { stopOnSignal } from '../cloud/stopOnSignal.ts'
import { certificateSource, type CertificateSource } from '../tls/tlsFlags.ts'
import { apartBanner } from './apartBanner.ts'
import type { ApartRegion } from './apartRegion.ts'
import { startApart } from './startApart.ts'

const logLevels: readonly LogLevel[] = ['info', 'warn', 'error', 'silent']

interface ServedApart {
  readonly data: string
  readonly workers: number
  readonly recover: boolean
}

/** `vaultspan region start`: serves until a signal ends it. @throws UserError */
export async function serveApart({ data, workers, recover: recovers }: ServedApart): Promise<void> {
  const logLevel = logLevels.find((each) => each === (process.env['LOG_LEVEL'] ?? 'warn'))
  if (logLevel === undefined) throw new UserError(`LOG_LEVEL takes ${logLevels.join(', ')}.`)
  const log = processLogger(logLevel)
  const settings = settingsFromEnvironment(process.env)
  let authority: string | undefined
  const noted = async (region: ApartRegion) => {
    const source = await certificateOf(region)
    authority = source?.authorityIn?.(data)
    return source
  }
  let isBehind = false
  const begun = startApart({
    directory: data,
    settings,
    certificateOf: noted,
    log,
    logLevel,
    workers,
    recovers,
    onBehind: ({ message }) => {
      if (isBehind) return
      isBehind = true
      console.error(message)
      void begun.then((cloud) => cloud.close()).finally(() => process.exit(1))
    },
  })
  const cloud = await begun
  stopOnSignal(cloud)
  console.log(apartBanner(cloud, data, authority))
}

function certificateOf({ tls, tlsCert, tlsKey }: ApartRegion): Promise<CertificateSource | null> {
  return certificateSource({
    ...(tls ? { tls } : {}),
    ...(tlsCert === null ? {} : { tlsCert }),
    ...(tlsKey === null ? {} : { tlsKey }),
  })
}
