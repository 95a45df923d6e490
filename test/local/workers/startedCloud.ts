import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { freeBase } from '../freePorts.ts'
import { callerByProfile, signerByProfile, signing, type SignedCaller, type Signer } from '../signedCaller.ts'
import { isReady, startService, withDirectory, type StartedProcess } from '../startedService.ts'

export const workers = 3

/** `npm start` with workers, whatever this machine has of cores. */
export interface StartedCloud {
  readonly directory: string
  readonly service: StartedProcess
  readonly base: number
  readonly call: SignedCaller
  readonly sign: ReturnType<typeof signing>
  readonly tenancyId: string
  readonly home: string
  readonly other: string
}

export async function withCloud(
  body: (cloud: StartedCloud) => Promise<void>,
  environment: Readonly<Record<string, string>> = {},
  prepare: (directory: string) => Promise<void> = async () => undefined,
): Promise<void> {
  await withDirectory(async (directory) => {
    await prepare(directory)
    const base = await freeBase()
    const service = startService(directory, base, ['--workers', String(workers)], environment)
    try {
      await isReady(service)
      const { regions, tenancyId } = JSON.parse(readFileSync(join(directory, 'endpoints.json'), 'utf8')) as {
        regions: readonly { endpoint: string }[]
        tenancyId: string
      }
      const [home = '', other = ''] = regions.map(({ endpoint }) => endpoint)
      const call = callerByProfile(directory)
      const sign = signing(signerByProfile(directory))
      await body({ directory, service, base, call, sign, tenancyId, home, other })
    } finally {
      service.signal('SIGTERM')
      await service.exited
    }
  })
}

export async function mayReplicate(call: SignedCaller, home: string, tenancyId: string): Promise<void> {
  await call('POST', `${home}/20160918/policies`, {
    compartmentId: tenancyId,
    name: 'replication',
    description: 'd',
    statements: ['Allow service keymanagementservice to manage vaults in tenancy'],
  })
}

/** A user in a group of its own, and the policy that says what the group may. */
export async function userWith(
  { call, home, tenancyId }: StartedCloud,
  group: string,
  statement: string,
): Promise<{ readonly signer: Signer; readonly policyId: string }> {
  const made = async (path: string, body: object) => {
    const answer = await call('POST', `${home}/20160918/${path}`, body)
    expect(answer.status).toBe(200)
    return answer.body
  }
  const named = { compartmentId: tenancyId, name: group, description: 'd' }
  const userId = String((await made('users', named))['id'])
  const groupId = String((await made('groups', named))['id'])
  await made('userGroupMemberships', { userId, groupId })
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = publicKey.export({ type: 'spki', format: 'pem' })
  const { keyId } = await made(`users/${userId}/apiKeys`, { key })
  const policyId = String((await made('policies', { ...named, statements: [statement] }))['id'])
  const privateKeyPem = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string
  return { signer: { keyId: String(keyId), privateKeyPem }, policyId }
}
