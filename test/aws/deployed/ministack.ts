import { spawn, spawnSync } from 'node:child_process'
import { openSync } from 'node:fs'
import { mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { until } from '../../harness/until.ts'
import { freePort } from '../../../offline/freePort.ts'

/** AWS on this machine: MiniStack, with functions run by this very Node. */
export interface MiniStack {
  readonly endpoint: string
  /** For commands that talk to it as to AWS. */
  readonly environment: NodeJS.ProcessEnv
  readonly logFile: string
  stop(): Promise<void>
}

/** MINISTACK_DIR is where .ci/install-ministack.sh put it; otherwise it is looked for on the PATH. */
export function findMiniStack(): string | undefined {
  const directory = process.env['MINISTACK_DIR']
  const program = directory === undefined ? 'ministack' : join(resolve(directory), 'bin', 'ministack')
  const found = spawnSync(process.platform === 'win32' ? 'where' : 'which', [program], { encoding: 'utf8' })
  return found.status === 0 ? found.stdout.trim().split('\n')[0] : undefined
}

export async function startMiniStack(program: string): Promise<MiniStack> {
  const directory = await mkdtemp(join(tmpdir(), 'vaultspan-ministack-'))
  // Functions are unpacked below this directory, so they find the AWS SDK here as they do in the Lambda runtime.
  await symlink(resolve('node_modules'), join(directory, 'node_modules'))
  const port = await freePort()
  const logFile = join(directory, 'ministack.log')
  const log = openSync(logFile, 'w')
  const child = spawn(program, [], {
    stdio: ['ignore', log, log],
    env: {
      ...process.env,
      PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
      TMPDIR: directory,
      GATEWAY_PORT: String(port),
      BIND_HOST: '127.0.0.1',
    },
  })
  // An address, not a name: with a name the S3 client would look up the bucket as a host.
  const endpoint = `http://127.0.0.1:${port}`
  const stop = async () => {
    const ended = new Promise((done) => child.once('exit', done))
    if (child.exitCode === null && child.kill()) await ended
    await rm(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  const { AWS_PROFILE: _profile, ...inherited } = process.env
  const environment = {
    ...inherited,
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
  }
  await until(
    async () => child.exitCode !== null || (await answers(endpoint)),
    () => logFile,
    100,
  )
  if (child.exitCode === null) return { endpoint, environment, logFile, stop }
  await stop()
  throw new Error(`MiniStack (${program}) did not start.`)
}

async function answers(endpoint: string): Promise<boolean> {
  try {
    return (await fetch(`${endpoint}/_ministack/health`)).ok
  } catch {
    return false
  }
}
