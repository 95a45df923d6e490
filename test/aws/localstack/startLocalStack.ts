import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An emulator that answers. */
export interface Emulator {
  readonly endpoint: string
  readonly stop: () => Promise<void>
}

const readyWithinMs = 60_000

/**
 * The emulator at AWS_ENDPOINT_URL, else LocalStack as .ci/install-localstack.sh installs it (LOCALSTACK_DIR and
 * LOCALSTACK_ROOT), started on loopback without Docker. Else the sentence that says why there is none.
 */
export async function startLocalStack(environment = process.env): Promise<Emulator | string> {
  const endpoint = environment['AWS_ENDPOINT_URL']
  if (endpoint !== undefined) return { endpoint, stop: async () => undefined }
  const { LOCALSTACK_DIR: directory, LOCALSTACK_ROOT: root } = environment
  if (directory === undefined || root === undefined) {
    return 'neither AWS_ENDPOINT_URL nor LOCALSTACK_DIR and LOCALSTACK_ROOT say where LocalStack is'
  }
  const python = join(directory, 'bin', 'python')
  if (!existsSync(python)) return `LOCALSTACK_DIR has no bin/python; .ci/install-localstack.sh installs it`
  return start(python, root, environment)
}

async function start(python: string, root: string, environment: NodeJS.ProcessEnv): Promise<Emulator> {
  const listen = `127.0.0.1:${await freePort()}`
  let output = ''
  // In a group of its own: a Ctrl-C of the suite's ends it by `leave`, not in the midst of a test.
  const child = spawn(python, ['-m', 'localstack.runtime.main'], {
    detached: true,
    cwd: tmpdir(),
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...environment, ...hostMode, FILESYSTEM_ROOT: root, GATEWAY_LISTEN: listen },
  })
  const keep = (text: Buffer) => (output = (output + text.toString()).slice(-4000))
  child.stdout.on('data', keep)
  child.stderr.on('data', keep)
  // Not SIGKILL: it ends the databases it has started, which are in groups of their own.
  const leave = () => {
    signal(child, 'SIGTERM')
  }
  process.once('exit', leave)
  const stop = async (): Promise<void> => {
    process.off('exit', leave)
    await end(child)
  }
  const endpoint = `http://${listen}`
  try {
    await answers(`${endpoint}/_localstack/health`, child)
  } catch (cause) {
    await stop()
    throw new Error(`LocalStack did not start. Its last words: ${output}`, { cause })
  }
  return { endpoint, stop }
}

/** OVERRIDE_IN_DOCKER: else it may take a sandbox for its container, and ignore FILESYSTEM_ROOT. */
const hostMode = {
  OVERRIDE_IN_DOCKER: '0',
  PROVIDER_OVERRIDE_DYNAMODB: 'v2',
  PROVIDER_OVERRIDE_DYNAMODBSTREAMS: 'v2',
  SERVICES: 'dynamodb,dynamodbstreams,sqs,s3',
  DYNAMODB_IN_MEMORY: '1',
  DISABLE_EVENTS: '1',
  SKIP_SSL_CERT_DOWNLOAD: '1',
}

async function answers(url: string, child: ChildProcess): Promise<void> {
  const until = Date.now() + readyWithinMs
  for (;;) {
    if (child.exitCode !== null) throw new Error(`It ended with ${child.exitCode}.`)
    try {
      if ((await fetch(url)).ok) return
    } catch (cause) {
      if (Date.now() > until) throw cause
    }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exited = new Promise((resolve) => child.once('exit', resolve))
  signal(child, 'SIGTERM')
  const timer = setTimeout(() => {
    signal(child, 'SIGKILL')
  }, 5000)
  await exited
  clearTimeout(timer)
  signal(child, 'SIGKILL')
}

/** To the whole group; what has ended already needs none. */
function signal({ pid }: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, name)
  } catch {
    // No such process.
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
