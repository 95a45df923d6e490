import { rmSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { LogLevel } from '../lib/runtime/jsonLogger.ts'
import { UserError, messageOf } from '../lib/userError.ts'
import { banner } from './banner.ts'
import type { StartFlags } from './cli/start.ts'
import { settingsFromEnvironment } from './cloudSettings.ts'
import { readAdvertised } from './names/nameFlags.ts'
import { startInMemory } from './memory.ts'
import { processLogger } from './processLogger.ts'
import { startProcesses } from './processes/startProcesses.ts'
import { writeReadyFile } from './readyFile.ts'
import type { RegionHost } from './regionHost.ts'
import { stopOnSignal } from './stopOnSignal.ts'

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
  ...names
}: StartFlags): Promise<void> {
  const level = logLevels.find((each) => each === (process.env['LOG_LEVEL'] ?? 'warn'))
  if (level === undefined) throw new UserError(`LOG_LEVEL takes ${logLevels.join(', ')}.`)
  const log = processLogger(level)
  const advertised = readAdvertised(names, port, false)
  const settings = { ...settingsFromEnvironment(process.env), host, advertised }
  let imported = ''
  // Who waits for it does not take that of an earlier start for this one's.
  if (readyFile !== undefined) rmSync(readyFile, { force: true })
  const options = {
    port,
    settings,
    log,
    ...(regions === undefined ? {} : { regions }),
    ...(cut === undefined ? {} : { cut }),
    begin: async (home: RegionHost, tenancyId: string) => {
      if (record !== undefined) imported = await importRecord(home, tenancyId, record)
    },
    ...(recover === undefined ? {} : { recover }),
  }
  const cloud = isInMemory
    ? await startInMemory(options)
    : { ...(await startProcesses({ ...options, directory: data, logLevel: level, workers })), folder: data }
  try {
    if (readyFile !== undefined) writeReadyFile(readyFile, cloud)
  } catch (cause) {
    await cloud.close()
    throw cause
  }
  // Whoever has read the banner may stop the service.
  stopOnSignal(cloud)
  console.log(banner(cloud, isInMemory))
  if (record !== undefined) console.log(`Imported vault: ${imported}`)
}

async function importRecord(home: RegionHost, tenancyId: string, file: string): Promise<string> {
  try {
    return await home.importVault(tenancyId, await readFile(file, 'utf8'))
  } catch (cause) {
    throw new UserError(`--import ${file}: ${messageOf(cause)}`, { cause })
  }
}
