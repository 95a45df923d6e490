import { readFile } from 'node:fs/promises'
import { jsonLogger, type LogLevel } from '../lib/runtime/jsonLogger.ts'
import { banner } from './banner.ts'
import { defaultRegions } from './chooseRegions.ts'
import { settingsFromEnvironment } from './cloudSettings.ts'
import { readCommandLine } from './commandLine.ts'
import { dataFlag } from './dataFlag.ts'
import { environmentHelp } from './environmentHelp.ts'
import { startProcesses } from './processes/startProcesses.ts'
import type { RegionHost } from './regionHost.ts'
import { stopOnSignal } from './stopOnSignal.ts'
import { UserError, messageOf } from '../lib/userError.ts'
import { runCommand } from './runCommand.ts'

const command = {
  name: 'start',
  does: 'Runs a cloud on this machine, each region in a process of its own.',
  flags: {
    data: dataFlag,
    port: { value: 'BASE', says: 'region i listens at BASE + i, vaults from BASE + 100', default: '7600' },
    regions: {
      value: 'a,b,c',
      says: `region names, the first one ever is the home region (default those of the last start, or ${defaultRegions.join(',')})`,
    },
    host: { value: 'ADDRESS', says: 'the address to listen on; there is no TLS', default: '127.0.0.1' },
    cut: { value: 'REGION', says: 'starts with this region cut off, until it is healed (faults heal)' },
    recover: {
      value: 'REGION',
      says: 'has a region that was put back to an older copy take back what others have (docs/operating.md)',
    },
    import: {
      value: 'FILE',
      says: 'makes a vault in the home region from an older vault’s record (docs/operating.md)',
    },
  },
  more: environmentHelp,
} as const

const logLevels: readonly LogLevel[] = ['info', 'warn', 'error', 'silent']

await runCommand(run)

async function run(): Promise<void> {
  const { data, port, regions, host, cut, recover, import: record } = readFlags()
  const level = logLevels.find((each) => each === (process.env['LOG_LEVEL'] ?? 'warn'))
  if (level === undefined) throw new UserError(`LOG_LEVEL takes ${logLevels.join(', ')}.`)
  const log = jsonLogger((line) => process.stderr.write(`${line}\n`), level)
  const settings = { ...settingsFromEnvironment(process.env), host }
  let imported = ''
  const cloud = await startProcesses({
    directory: data,
    port,
    settings,
    log,
    logLevel: level,
    ...(regions === undefined ? {} : { regions }),
    ...(cut === undefined ? {} : { cut }),
    begin: async (home, tenancyId) => {
      if (record !== undefined) imported = await importRecord(home, tenancyId, record)
    },
    ...(recover === undefined ? {} : { recover }),
  })
  // Whoever has read the banner may stop the service.
  stopOnSignal(cloud)
  console.log(banner(cloud, data))
  if (record !== undefined) console.log(`Imported vault: ${imported}`)
}

async function importRecord(home: RegionHost, tenancyId: string, file: string): Promise<string> {
  try {
    return await home.importVault(tenancyId, await readFile(file, 'utf8'))
  } catch (cause) {
    throw new UserError(`--import ${file}: ${messageOf(cause)}`, { cause })
  }
}

function readFlags() {
  const { flags } = readCommandLine(command)
  const port = Number(flags.port)
  if (!Number.isInteger(port) || port < 1 || port > 60_000) {
    throw new UserError('--port takes a whole number from 1 to 60000.')
  }
  return { ...flags, port, regions: flags.regions?.split(',').map((region) => region.trim()) }
}
