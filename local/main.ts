import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { importVaultRecord } from './importVaultRecord.ts'
import { jsonLogger, type LogLevel } from '../lib/runtime/jsonLogger.ts'
import { banner } from './banner.ts'
import { settingsFromEnvironment } from './cloudSettings.ts'
import { startCloud, type Cloud } from './startCloud.ts'
import { StartError } from './startError.ts'
import { stopOnSignal } from './stopOnSignal.ts'

const usage = `npm start -- [--data DIR] [--port BASE] [--regions a,b,c] [--host ADDRESS] [--import FILE]

  --data DIR       where everything is kept (default .vaultspan)
  --port BASE      region i listens at BASE + i, vaults from BASE + 100 (default 7600)
  --regions LIST   region names, the first one ever is the home region (default us-ashburn-1,us-phoenix-1)
  --host ADDRESS   the address to listen on (default 127.0.0.1; there is no TLS)
  --import FILE    makes a vault in the home region from an older vault's record (docs/operating.md)

Environment: REPLICATION_ACK=available|strict, CRYPTO_AUDIT=on|off, KEY_CACHE_MS, HANDOFF_BUDGET_MS, ARRIVALS_MS,
REQUIRE_SERVICE_POLICY=on|off, HOST_NAMES=name,name (under which a proxy leads here), LOG_LEVEL=info|warn|error|silent`

const logLevels: readonly LogLevel[] = ['info', 'warn', 'error', 'silent']

try {
  await run()
} catch (cause) {
  if (!(cause instanceof StartError)) throw cause
  console.error(cause.message)
  process.exitCode = 1
}

async function run(): Promise<void> {
  const { data, port, regions, host, help, import: record } = readFlags()
  if (help) {
    console.log(usage)
    return
  }
  const level = logLevels.find((each) => each === (process.env['LOG_LEVEL'] ?? 'warn'))
  if (level === undefined) throw new StartError(`LOG_LEVEL takes ${logLevels.join(', ')}.`)
  const log = jsonLogger((line) => process.stderr.write(`${line}\n`), level)
  const settings = { ...settingsFromEnvironment(process.env), host }
  const cloud = await startCloud({
    directory: data,
    port,
    settings,
    log,
    ...(regions === undefined ? {} : { regions }),
  })
  console.log(banner(cloud, data))
  if (record !== undefined) console.log(`Imported vault: ${await importRecord(cloud, record)}`)
  stopOnSignal(cloud)
}

async function importRecord(cloud: Cloud, file: string): Promise<string> {
  const home = cloud.parts.find(({ name }) => name === cloud.homeRegion)
  try {
    if (home === undefined) throw new Error('there is no home region')
    return (await importVaultRecord(home.runtime, cloud.tenancyId, await readFile(file, 'utf8'))).id
  } catch (cause) {
    await cloud.close()
    throw new StartError(`--import ${file}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}

function readFlags() {
  try {
    const { values } = parseArgs({
      options: {
        data: { type: 'string', default: '.vaultspan' },
        port: { type: 'string', default: '7600' },
        regions: { type: 'string' },
        host: { type: 'string', default: '127.0.0.1' },
        import: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    const port = Number(values.port)
    if (!Number.isInteger(port) || port < 1 || port > 60_000)
      throw new StartError('--port takes a whole number from 1 to 60000.')
    return { ...values, port, regions: values.regions?.split(',').map((region) => region.trim()) }
  } catch (cause) {
    if (cause instanceof StartError) throw cause
    const [line] = (cause instanceof Error ? cause.message : String(cause)).split('\n')
    throw new StartError(`${line ?? ''} Run npm start -- --help.`, { cause })
  }
}
