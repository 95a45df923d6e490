import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SimpleAuthenticationDetailsProvider } from 'oci-common'
import { AwsSide } from './awsSide.ts'
import { apiIds, openFront, type Front } from './front.ts'
import { startMiniStack } from './ministack.ts'

export const regions = ['us-east-1', 'us-west-2'] as const
export const [home, other] = regions
export const domain = 'vaultspan.test'

export interface Ran {
  readonly code: number
  readonly output: string
}

export interface Tenancy {
  readonly tenancyId: string
  /** PEM of its root, as provisioning tells it. */
  readonly trustRoot: string
  readonly provider: SimpleAuthenticationDetailsProvider
}

/** The service, deployed by its own commands into two regions of an emulated AWS. */
export interface Deployment {
  readonly aws: AwsSide
  /** `npm run NAME -- …`, without npm. */
  run(name: 'deploy' | 'remove' | 'provision' | 'putBack' | 'exportAudit', ...options: readonly string[]): Promise<Ran>
  deploy(): Promise<Ran>
  /** The administrator's private key never leaves this process. */
  provision(name: string): Promise<Tenancy>
  /** Opened at first use, when the APIs stand. */
  front(): Promise<Front>
  close(): Promise<void>
}

/** What a command that failed had to say is the reason of the test's failure. */
export function requireDone(ran: Ran): Ran {
  if (ran.code !== 0) throw new Error(ran.output)
  return ran
}

const place = ['--stage', 'local', '--regions', regions.join(',')]

export async function openDeployment(program: string): Promise<Deployment> {
  const miniStack = await startMiniStack(program)
  const directory = await mkdtemp(join(tmpdir(), 'vaultspan-deployed-'))
  const administrator = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  })
  const publicKeyFile = join(directory, 'administrator.pub.pem')
  await writeFile(publicKeyFile, administrator.publicKey)
  const run: Deployment['run'] = (name, ...options) =>
    new Promise((resolve) => {
      execFile(
        process.execPath,
        [`deploy/${name}.ts`, ...place, ...options],
        { env: miniStack.environment, maxBuffer: 16 * 1024 * 1024 },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr })
        },
      )
    })
  let front: Promise<Front> | undefined
  return {
    aws: new AwsSide(miniStack.endpoint, home),
    run,
    deploy: () => run('deploy', '--domain', domain),
    provision: async (name) => {
      const { output } = requireDone(await run('provision', '--public-key', publicKeyFile, '--name', name))
      const {
        user = '',
        fingerprint = '',
        tenancy = '',
      } = Object.fromEntries(output.split('\n').map((line) => line.split('=') as [string, string]))
      const provider = new SimpleAuthenticationDetailsProvider(
        tenancy,
        user,
        fingerprint,
        administrator.privateKey,
        null,
      )
      const [trustRoot = ''] = /-----BEGIN PUBLIC KEY-----[^]+?-----END PUBLIC KEY-----/.exec(output) ?? []
      return { tenancyId: tenancy, trustRoot, provider }
    },
    front: () =>
      (front ??= apiIds(miniStack.endpoint, regions).then((ids) => openFront(miniStack.endpoint, domain, ids))),
    close: async () => {
      await (await front)?.close()
      await miniStack.stop()
      await rm(directory, { recursive: true, force: true })
    },
  }
}
