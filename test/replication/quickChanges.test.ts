import { applyFunction } from '../../handlers/replicate/apply.ts'
import type { SQSEvent } from 'aws-lambda'
import { regionB, twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

let cloud: TestCloud
let vaultId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeReplicatedVault(cloud)
})
afterAll(() => {
  cloud.close()
})

type Step = (keyId: string) => Promise<unknown>

const onKey =
  (method: string, path: string, body: object = {}): Step =>
  async (keyId) => {
    const { status } = await cloud.call(cloud.a, method, `/20180608/keys/${keyId}${path}`, body, { host: vaultId })
    expect(status).toBe(200)
  }

const rename = onKey('PUT', '', { displayName: 'renamed' })
const tag = onKey('PUT', '', { freeformTags: { a: 'b' } })
const rotate = onKey('POST', '/keyVersions')
const disable = onKey('POST', '/actions/disable')
const enable = onKey('POST', '/actions/enable')

/** The steps come one after another, before anything that the replica answers is worked. */
const pairs: Record<string, readonly Step[]> = {
  'rename, rotate': [rename, rotate],
  'create, rotate': [rotate],
  'disable, enable, rotate': [disable, enable, rotate],
  'rotate, rotate': [rotate, rotate],
  'tag, rename, rotate, tag': [tag, rename, rotate, tag],
}

/** Only what the hand-offs brought: neither the stream nor a receipt helps. */
async function workOnlyTheInbox(): Promise<void> {
  const messages = await cloud.b.store.queues.receive('inbox', 100, 2000)
  const Records = messages.map(({ id, body }) => ({
    messageId: id,
    body,
    attributes: { ApproximateReceiveCount: '1' },
  }))
  const answer = await applyFunction(cloud.b.runtime)({ Records } as unknown as SQSEvent)
  expect(answer.batchItemFailures).toEqual([])
  await cloud.b.store.queues.delete(
    'inbox',
    messages.map(({ id }) => id),
  )
}

async function statusOf(keyId: string): Promise<unknown> {
  const { body } = await cloud.call(cloud.a, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })
  const { replicationId } = body['replicaDetails'] as { replicationId: string }
  const answer = await cloud.call(cloud.a, 'GET', `/20180608/replicaOperations/${replicationId}/status`, undefined, {
    host: vaultId,
  })
  return answer.body['replicaDetails']
}

describe.each(Object.entries(pairs))('%s, without a pause', (_, steps) => {
  let keyId: string
  let ciphertext: unknown

  beforeAll(async () => {
    await cloud.settle()
    keyId = String((await makeKey(cloud, vaultId)).body['id'])
    for (const step of steps) await step(keyId)
    ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
  })

  test('the replica has every row from the hand-offs alone, and says REPLICATED only then', async () => {
    expect(await statusOf(keyId)).toMatchObject([{ region: regionB, status: 'REPLICATING' }])
    await workOnlyTheInbox()
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).toBe(200)
    expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
    expect(await statusOf(keyId)).toMatchObject([{ region: regionB, status: 'REPLICATING' }])
    await cloud.settle()
    expect(await statusOf(keyId)).toMatchObject([{ region: regionB, status: 'REPLICATED' }])
  })
})

test('what an earlier hand-off could not bring goes with the next change of the key', async () => {
  await cloud.settle()
  const keyId = String((await makeKey(cloud, vaultId)).body['id'])
  await cloud.settle()
  cloud.link.isUp = false
  await rotate(keyId)
  cloud.link.isUp = true
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
  await rotate(keyId)
  await rename(keyId)
  await workOnlyTheInbox()
  expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).toBe(200)
  expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
})
