import { execFile } from 'node:child_process'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { buildBundles } from '../deploy/build.ts'
import { buildDirectory, bundledModule, maxBundleBytes, maxImportMs } from '../deploy/bundles.ts'

/** `npm run bench:coldStart`: what a new Lambda instance loads before it can answer, beside an empty handler. */
const run = promisify(execFile)
const tries = 9

const settings = {
  AWS_REGION: 'us-east-1',
  REGIONS: 'us-east-1,us-west-2',
  HOME_REGION: 'us-east-1',
  RESOURCE_PREFIX: 'vaultspan-bench',
  ACCOUNT_ID: '000000000000',
  DOMAIN: 'example.com',
  // Nothing answers there: only loading is measured.
  AWS_ENDPOINT_URL: 'http://127.0.0.1:9',
  AWS_ACCESS_KEY_ID: 'none',
  AWS_SECRET_ACCESS_KEY: 'none',
}

/** In a process of its own, because a module is loaded once. */
async function importMs(module: string, before = ''): Promise<number> {
  const program = `${before}; const start = performance.now(); await import(${JSON.stringify(module)}); console.log(performance.now() - start); process.exit()`
  const times: number[] = []
  for (let attempt = 0; attempt < tries; attempt += 1) {
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program], {
      env: { ...process.env, ...settings },
    })
    times.push(Number(stdout))
  }
  return times.sort((a, b) => a - b)[Math.floor(tries / 2)] ?? NaN
}

const clients = ['dynamodb', 'sqs', 'kms'].map((name) => `await import('@aws-sdk/client-${name}')`).join('; ')

const built = await buildBundles()
console.log(`Node ${process.version}; median of ${tries}; limits ${maxBundleBytes / 1000} kB and ${maxImportMs} ms\n`)
const empty = await importMs('data:text/javascript,export const handler = async () => ({})')
const rows = [['function', 'kB', 'import ms', 'with the SDK ms']]
rows.push(['(empty handler)', '0', empty.toFixed(1), '-'])
for (const { bundle, bytes } of built) {
  const module = resolve(buildDirectory, bundledModule(bundle))
  // The SDK is the runtime's, so its share is told apart.
  const own = await importMs(module, clients)
  const all = await importMs(module)
  rows.push([bundle, (bytes / 1000).toFixed(0), own.toFixed(1), all.toFixed(1)])
}
for (const row of rows)
  console.log(row.map((cell, index) => (index === 0 ? cell.padEnd(16) : cell.padStart(16))).join(''))
