import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { freePort } from './freePort.ts'
import { StartedProgram } from './startedProgram.ts'

/** An emulator that answers. */
export interface Emulator {
  readonly endpoint: string
  /** How it was found, for people. */
  readonly kind: string
  readonly stop: () => Promise<void>
}

/** The last version that wants no token. */
const image = 'localstack/localstack:4.14.0'
const services = 'dynamodb,dynamodbstreams,sqs,cloudformation,kms,sts,s3'
/** A busy machine takes its time. */
const readyWithinMs = 300_000

/**
 * The emulator at AWS_ENDPOINT_URL; else LocalStack in Docker, where an engine runs (and has the image, or `mayPull`); else
 * as .ci/install-localstack.sh installs it without Docker, in LOCALSTACK_DIR (.localstack), started on loopback. Else the
 * sentence that says why there is none.
 */
export async function startLocalStack({ mayPull = false, environment = process.env } = {}): Promise<Emulator | string> {
  const endpoint = environment['AWS_ENDPOINT_URL']
  if (endpoint !== undefined && endpoint !== '') {
    return { endpoint, kind: `what answers at ${endpoint}`, stop: async () => undefined }
  }
  if (dockerHasImage(mayPull)) return startContainer(environment)
  const directory = resolve(environment['LOCALSTACK_DIR'] ?? '.localstack')
  if (existsSync(python(directory))) return startOnHost(directory, environment)
  return `there is no AWS_ENDPOINT_URL, no Docker engine with ${image}, and no LocalStack in ${directory} (.ci/install-localstack.sh DIRECTORY, then LOCALSTACK_DIR)`
}

function dockerHasImage(mayPull: boolean): boolean {
  try {
    execFileSync('docker', mayPull ? ['info'] : ['image', 'inspect', image], { stdio: 'ignore', timeout: 10_000 })
    return true
  } catch {
    return false
  }
}

async function startContainer(environment: NodeJS.ProcessEnv): Promise<Emulator> {
  const port = await freePort()
  const settings = ['-e', `SERVICES=${services}`, '-e', 'DISABLE_EVENTS=1', '-e', 'DYNAMODB_IN_MEMORY=1']
  // In the foreground, so that it ends with this process.
  const program = new StartedProgram(
    'docker',
    ['run', '--rm', '--init', '-p', `127.0.0.1:${port}:4566`, ...settings, image],
    { env: environment },
  )
  return answering(program, `127.0.0.1:${port}`, `LocalStack in Docker (${image})`, 3 * readyWithinMs)
}

async function startOnHost(directory: string, environment: NodeJS.ProcessEnv): Promise<Emulator> {
  const listen = `127.0.0.1:${await freePort()}`
  const env = { ...environment, ...hostMode, FILESYSTEM_ROOT: join(directory, 'root'), GATEWAY_LISTEN: listen }
  const program = new StartedProgram(python(directory), ['-m', 'localstack.runtime.main'], { cwd: tmpdir(), env })
  return answering(program, listen, `LocalStack without Docker (${directory})`, readyWithinMs)
}

/** OVERRIDE_IN_DOCKER: else it may take a sandbox for its container, and ignore FILESYSTEM_ROOT. */
const hostMode = {
  OVERRIDE_IN_DOCKER: '0',
  PROVIDER_OVERRIDE_DYNAMODB: 'v2',
  PROVIDER_OVERRIDE_DYNAMODBSTREAMS: 'v2',
  SERVICES: services,
  DYNAMODB_IN_MEMORY: '1',
  DISABLE_EVENTS: '1',
  SKIP_SSL_CERT_DOWNLOAD: '1',
}

function python(directory: string): string {
  return join(directory, 'venv', 'bin', 'python')
}

async function answering(program: StartedProgram, listen: string, kind: string, withinMs: number): Promise<Emulator> {
  const endpoint = `http://${listen}`
  try {
    await program.answersAt(`${endpoint}/_localstack/health`, withinMs)
  } catch (cause) {
    await program.stop()
    throw new Error(`${kind} did not start.`, { cause })
  }
  return { endpoint, kind, stop: () => program.stop() }
}
