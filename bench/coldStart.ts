import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { buildBundles } from '../deploy/build.ts'
import { buildDirectory, bundledModule, maxBundleBytes, maxImportMs, type Bundle } from '../deploy/bundles.ts'
import { openAwsStandIn } from './awsStandIn.ts'

/** `npm run bench:coldStart`: what a new Lambda instance loads and does before it can answer, beside an empty handler. */
const run = promisify(execFile)
const tries = 15

const settings = {
  AWS_REGION: 'us-east-1',
  REGIONS: 'us-east-1,us-west-2',
  HOME_REGION: 'us-east-1',
  RESOURCE_PREFIX: 'vaultspan-bench',
  ACCOUNT_ID: '000000000000',
  DOMAIN: 'example.com',
  BACKUP_BUCKET: 'vaultspan-bench-backups',
  VAULT_KEKS_KEY: 'alias/bench-keks',
  HSM_STATE_KEY: 'alias/bench',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
}

/** The first event of each, chosen to need nothing but an open region: a call without a signature, an empty batch. */
const unsigned = (target: string) => ({
  rawPath: target,
  rawQueryString: '',
  headers: { host: 'kms.us-east-1.example.com' },
  requestContext: { http: { method: 'GET', sourceIp: '127.0.0.1' } },
})
const firstEvents: Record<Bundle, readonly [name: string, event: object]> = {
  vault: ['handler', unsigned('/20180608/vaults')],
  keys: ['handler', unsigned('/20180608/keys')],
  crypto: ['handler', unsigned('/20180608/encrypt')],
  identity: ['handler', unsigned('/20160918/policies')],
  audit: ['handler', unsigned('/20190901/auditEvents')],
  replicate: ['apply', { Records: [] }],
  schedule: ['handler', {}],
  provision: ['handler', { step: 'openHsm' }],
}

/** What is timed, as a program of its own, because a module is loaded once. */
interface Timed {
  readonly before?: string
  readonly program: string
  /** Whether it finds a compile cache that this very Node has made (docs/cost.md, "Cold start"). */
  readonly isCached?: true
}

function importing(module: string): string {
  return `const loaded = await import(${JSON.stringify(module)})`
}

/** Medians. Each round runs all of them, so that a busy moment of the machine is nobody's alone. */
async function medians(timed: readonly Timed[], endpoint: string): Promise<readonly number[]> {
  const times = timed.map((): number[] => [])
  const cache = await mkdtemp(join(tmpdir(), 'vaultspan-compile-cache-'))
  // The first round fills the cache.
  for (let round = 0; round <= tries; round += 1) {
    for (const [index, { before = '', program, isCached }] of timed.entries()) {
      const text = `${before}; const start = performance.now(); ${program}; console.log(performance.now() - start); process.exit()`
      const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', text], {
        env: {
          ...process.env,
          ...settings,
          AWS_ENDPOINT_URL: endpoint,
          ...(isCached ? { NODE_COMPILE_CACHE: cache } : {}),
        },
      })
      if (round > 0) times[index]?.push(Number(stdout.trim().split('\n').at(-1)))
    }
  }
  await rm(cache, { recursive: true })
  return times.map((each) => each.sort((a, b) => a - b)[Math.floor(tries / 2)] ?? NaN)
}

const built = await buildBundles()
const standIn = await openAwsStandIn(settings)
console.log(`Node ${process.version}; median of ${tries}; limits ${maxBundleBytes / 1000} kB and ${maxImportMs} ms\n`)
const empty: Timed = { program: importing('data:text/javascript,export const handler = async () => ({})') }
const timed = built.flatMap(({ bundle }): Timed[] => {
  const module = resolve(buildDirectory, bundledModule(bundle))
  const [name, event] = firstEvents[bundle]
  return [
    // The SDK is the runtime's, so its share is told apart.
    { before: `await import('@aws-sdk/client-dynamodb')`, program: importing(module) },
    { program: importing(module) },
    { program: importing(module), isCached: true },
    { program: `${importing(module)}; await loaded.${name}(${JSON.stringify(event)}, {})` },
  ]
})
const sdk: Timed = { program: importing('@aws-sdk/client-dynamodb') }
const [emptyMs = NaN, sdkMs = NaN, ...measured] = await medians([empty, sdk, ...timed], standIn.endpoint)
standIn.close()
const rows = [['function', 'kB', 'own ms', 'import ms', 'cached ms', 'first answer ms']]
rows.push(['(empty handler)', '0', emptyMs.toFixed(1), emptyMs.toFixed(1), '-', emptyMs.toFixed(1)])
rows.push(['(DynamoDB alone)', '-', '-', sdkMs.toFixed(1), '-', '-'])
for (const [index, { bundle, bytes }] of built.entries()) {
  const times = measured.slice(4 * index, 4 * index + 4).map((ms) => ms.toFixed(1))
  rows.push([bundle, (bytes / 1000).toFixed(0), ...times])
}
for (const row of rows)
  console.log(row.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(16))).join(''))
console.log(
  '\nown: the SDK loaded before; import: with the SDK; cached: with a compile cache made by this Node; first answer: from the import to the answer of a first event,',
)
console.log('with the HSM opened and tested, over DynamoDB and KMS on loopback that answer at once.')
