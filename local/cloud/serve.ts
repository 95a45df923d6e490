import { readFile } from 'node:fs/promises'
import type { LogLevel } from '../../lib/runtime/jsonLogger.ts'
import { UserError, messageOf } from '../../lib/userError.ts'
import type { Begun } from './bringUp.ts'
import { banner } from './banner.ts'
import type { StartFlags } from '../cli/start.ts'
import { settingsFromEnvironment } from '../cloudSettings.ts'
import { applyInit, type Applied } from '../init/applyInit.ts'
import { initText, readInit, refusalOf, writeMade } from '../init/initOfStart.ts'
import { readAdvertised } from '../names/nameFlags.ts'
import { startInMemory } from './memory.ts'
import { processLogger } from '../processLogger.ts'
import { regionEnvironment } from '../processes/regionThreads.ts'
import { startProcesses } from '../processes/startProcesses.ts'
import { awaitReadyFile, writeReadyFile } from './readyFile.ts'
import { stopOnSignal } from './stopOnSignal.ts'
import { certificateSource } from '../tls/tlsFlags.ts'

const logLevels: readonly LogLevel[] = ['info', 'warn', 'error', 'silent']

/** `vaultspan start`: serves until a signal ends it. @throws UserError */
export async function serve({
  data,
  port,
  regions,
  host,
  workers,
  cut,
  recover,
  import: record,
  memory: isInMemory = false,
  readyFile,
  init: initFile,
  ...more
}: StartFlags): Promise<void> {
  // Before the pool of threads is used for the first time.
  if (isInMemory) Object.assign(process.env, regionEnvironment(process.env))
  const level = logLevels.find((each) => each === (process.env['LOG_LEVEL'] ?? 'warn'))
  if (level === undefined) throw new UserError(`LOG_LEVEL takes ${logLevels.join(', ')}.`)
  const log = processLogger(level)
  const certificate = await certificateSource(more)
  const advertised = readAdvertised(more, port, certificate !== null)
  const settings = { ...settingsFromEnvironment(process.env), host, advertised }
  if (isInMemory && certificate !== null)
    throw new UserError('--memory serves without TLS; leave --tls out, or --memory.')
  const init = initFile === undefined ? undefined : await readInit(initFile)
  let imported = ''
  let applied: Applied | undefined
  if (readyFile !== undefined) awaitReadyFile(readyFile)
  const options = {
    port,
    settings,
    log,
    ...(regions === undefined ? {} : { regions }),
    ...(cut === undefined ? {} : { cut }),
    begin: async (begun: Begun) => {
      if (record !== undefined) imported = await importRecord(begun, record)
      if (init !== undefined) applied = await applyInit(begun, init).catch(refusalOf(`--init ${initFile ?? ''}: `))
    },
    ...(recover === undefined ? {} : { recover }),
  }
  const cloud = isInMemory
    ? await startInMemory(options)
    : {
        ...(await startProcesses({
          ...options,
          directory: data,
          logLevel: level,
          workers,
          ...(certificate === null ? {} : { certificate }),
        })),
        folder: data,
      }
  try {
    if (applied !== undefined) writeMade(cloud.folder, applied)
    if (readyFile !== undefined) writeReadyFile(readyFile, cloud, applied?.made)
  } catch (cause) {
    await cloud.close()
    throw cause
  }
  // Whoever has read the banner may stop the service.
  stopOnSignal(cloud)
  console.log(banner(cloud, isInMemory, certificate?.authorityIn?.(data)))
  if (record !== undefined) console.log(`Imported vault: ${imported}`)
  if (applied !== undefined) console.log(initText(initFile ?? '', applied, cloud.folder))
}

async function importRecord({ home, administrator: { tenancyId } }: Begun, file: string): Promise<string> {
  try {
    return await home.importVault(tenancyId, await readFile(file, 'utf8'))
  } catch (cause) {
    throw new UserError(`--import ${file}: ${messageOf(cause)}`, { cause })
  }
}
