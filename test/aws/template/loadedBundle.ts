import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** What serverless.yml and Lambda tell every function; HSM_STATE_KEY is provisioning's own. */
export const environment = {
  AWS_REGION: 'us-east-1',
  REGIONS: 'us-east-1,us-west-2',
  HOME_REGION: 'us-east-1',
  RESOURCE_PREFIX: 'vaultspan-test',
  ACCOUNT_ID: '000000000000',
  DOMAIN: 'example.com',
  BACKUP_BUCKET: 'vaultspan-test-backups',
  VAULT_KEKS_KEY: 'alias/test-keks',
  HSM_STATE_KEY: 'alias/test',
} as const
export type Variable = keyof typeof environment

interface Loaded {
  /** The AWS clients that are loaded once the module is. */
  readonly clients: readonly string[]
  /** What loading says where a variable is missing; null: it starts. */
  readonly without: Readonly<Record<Variable, string | null>>
}

const program = `
const [file, ...names] = process.argv.slice(1)
const without = {}
for (const name of names) {
  const { [name]: kept } = process.env
  delete process.env[name]
  without[name] = null
  try { require(file) } catch ({ message }) { without[name] = message }
  delete require.cache[require.resolve(file)]
  process.env[name] = kept
}
require(file)
const clients = new Set(Object.keys(require.cache).flatMap((each) => /@aws-sdk.(client-[^/\\\\]+)/.exec(each)?.[1] ?? []))
console.log(JSON.stringify({ clients: [...clients].sort(), without }))
process.exit()
`

/** Loads a bundle as Lambda does: as it lies in its zip, the SDK from the runtime's own directory. */
export async function loadBundle(file: string): Promise<Loaded> {
  const { stdout } = await run(process.execPath, ['--eval', program, file, ...Object.keys(environment)], {
    // Nothing listens there, and nothing waits for it.
    env: { ...environment, AWS_ENDPOINT_URL: 'http://127.0.0.1:9', NODE_PATH: 'node_modules' },
  })
  return JSON.parse(stdout) as Loaded
}
