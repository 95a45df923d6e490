import { signing, type SignedCaller } from '../signedCaller.ts'
import { createKey, createVault, encrypt, plaintext, replicate, type MadeVault } from '../vaultSteps.ts'
import { connectionsToAll, type Answer, type HeldConnection } from './heldConnections.ts'
import { mayReplicate, userWith, withCloud, workers, type StartedCloud } from './startedCloud.ts'

/**
 * What was answered before a request came is known to whichever worker it comes to. No call here waits for anything, and
 * none is made again: one answer by an old state is a failure.
 */

/** WORKER_ROUNDS: thousands, where there is time. */
const rounds = Number(process.env['WORKER_ROUNDS'] ?? 25)

interface Reached {
  readonly vault: MadeVault
  readonly keyId: string
  /** Encrypts by every worker of a region, over all connections at once. */
  readonly everywhere: () => Promise<readonly Answer[]>
}

async function reachAll(cloud: StartedCloud, region: string, vault: MadeVault, endpoint: string): Promise<Reached> {
  const { call, sign, tenancyId } = cloud
  const keyId = await createKey(call, vault, tenancyId)
  const url = `${endpoint}/20180608/encrypt`
  const signed = sign('POST', url, { keyId, plaintext })
  const connections = await connectionsToAll(region, url, signed)
  expect(connections.length).toBeGreaterThanOrEqual(2 * workers)
  closing.push(...connections)
  return { vault, keyId, everywhere: () => Promise.all(connections.map((each) => each.post(url, signed))) }
}

const closing: HeldConnection[] = []

afterEach(() => {
  for (const each of closing.splice(0)) each.close()
})

async function change(call: SignedCaller, { vault, keyId }: Reached, action: string): Promise<void> {
  const { status, body } = await call('POST', `${vault.endpoint}/20180608/keys/${keyId}/${action}`)
  if (status !== 200) throw new Error(`${action}: ${status} ${JSON.stringify(body)}`)
}

async function rotate(call: SignedCaller, { vault, keyId }: Reached): Promise<string> {
  const { status, body } = await call('POST', `${vault.endpoint}/20180608/keys/${keyId}/keyVersions`)
  if (status !== 200) throw new Error(`CreateKeyVersion: ${status} ${JSON.stringify(body)}`)
  return String(body['id'])
}

function statuses(answers: readonly Answer[]): ReadonlySet<number> {
  return new Set(answers.map(({ status }) => status))
}

async function alternate(cloud: StartedCloud, reached: Reached): Promise<void> {
  for (let round = 0; round < rounds; round += 1) {
    await change(cloud.call, reached, 'actions/disable')
    expect(statuses(await reached.everywhere())).toEqual(new Set([409]))
    await change(cloud.call, reached, 'actions/enable')
    expect(statuses(await reached.everywhere())).toEqual(new Set([200]))
  }
}

async function rotateOften(cloud: StartedCloud, reached: Reached): Promise<void> {
  for (let round = 0; round < rounds / 10; round += 1) {
    const version = await rotate(cloud.call, reached)
    const used = (await reached.everywhere()).map(({ body }) => body['keyVersionId'])
    expect(new Set(used)).toEqual(new Set([version]))
  }
}

test('a key that was disabled or enabled, or rotated, is so in every worker', () =>
  withCloud(async (cloud) => {
    const vault = await createVault(cloud.call, cloud.home, cloud.tenancyId)
    const reached = await reachAll(cloud, cloud.home, vault, vault.endpoint)
    await alternate(cloud, reached)
    await rotateOften(cloud, reached)
  }))

test('a key that was disabled or enabled, or rotated, in its primary is so in every worker of the replica', () =>
  withCloud(async (cloud) => {
    await mayReplicate(cloud.call, cloud.home, cloud.tenancyId)
    const vault = await createVault(cloud.call, cloud.home, cloud.tenancyId)
    const endpoint = await replicate(cloud.call, cloud.home, vault, 'us-phoenix-1')
    const reached = await reachAll(cloud, cloud.other, vault, endpoint)
    await alternate(cloud, reached)
    await rotateOften(cloud, reached)
  }))

test('a policy that was taken back is taken back in every worker of every region', () =>
  withCloud(async (cloud) => {
    const { call, home, other, tenancyId } = cloud
    await mayReplicate(call, home, tenancyId)
    const vault = await createVault(call, home, tenancyId)
    const endpoint = await replicate(call, home, vault, 'us-phoenix-1')
    const all = 'Allow group Crypto to use keys in tenancy'
    const noUse = `${all} where request.operation != 'Encrypt'`
    const { signer, policyId } = await userWith(cloud, 'Crypto', all)
    const as = { ...cloud, sign: signing(signer) }
    const here = await reachAll(as, home, vault, vault.endpoint)
    const there = await reachAll(as, other, vault, endpoint)
    const path = `${home}/20160918/policies/${policyId}`
    for (let round = 0; round < rounds; round += 1) {
      for (const [statement, status] of [
        [noUse, 404],
        [all, 200],
      ] as const) {
        const changed = await call('PUT', path, { statements: [statement] })
        expect(changed.status).toBe(200)
        const answers = await Promise.all([here.everywhere(), there.everywhere()])
        expect(statuses(answers.flat())).toEqual(new Set([status]))
      }
    }
  }))

test('each worker answers for a vault, with its management, under one port', () =>
  withCloud(async (cloud) => {
    const { call, home, tenancyId } = cloud
    const vault = await createVault(call, home, tenancyId)
    const keyId = await createKey(call, vault, tenancyId)
    for (let at = 0; at < 20; at += 1) {
      expect((await call('GET', `${vault.endpoint}/20180608/keys/${keyId}`)).status).toBe(200)
      expect(await encrypt(call, vault.endpoint, keyId)).not.toBe('')
    }
  }))
