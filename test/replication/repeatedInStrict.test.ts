import { workInboxOf, loseTheStream, taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered, TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** In strict mode nothing is answered before it is in the replica's inbox: not by the first call, and not by its repetition. */

interface Story {
  readonly vaultId: string
  readonly keyId: string
  readonly version: string
}

type Change = readonly [method: string, target: string, body: object, host?: string]

const keys = '/20180608/keys'
const changes: Record<string, (story: Story, of: TestCloud) => Change> = {
  CreateKey: ({ vaultId }, { tenancyId: compartmentId }) => {
    const keyShape = { algorithm: 'AES', length: 32 }
    return ['POST', keys, { compartmentId, displayName: 'made', keyShape, protectionMode: 'SOFTWARE' }, vaultId]
  },
  UpdateKey: ({ vaultId, keyId }) => ['PUT', `${keys}/${keyId}`, { displayName: 'renamed' }, vaultId],
  DisableKey: ({ vaultId, keyId }) => ['POST', `${keys}/${keyId}/actions/disable`, {}, vaultId],
  CreateKeyVersion: ({ vaultId, keyId }) => ['POST', `${keys}/${keyId}/keyVersions`, {}, vaultId],
  ScheduleKeyVersionDeletion: ({ vaultId, keyId, version }) => [
    'POST',
    `${keys}/${keyId}/keyVersions/${version}/actions/scheduleDeletion`,
    {},
    vaultId,
  ],
  UpdateVault: ({ vaultId }) => ['PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' }],
  ScheduleVaultDeletion: ({ vaultId }) => ['POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, {}],
}

const cloud = cloudOfEachTest({ isStrict: true })
let story: Story
beforeEach(async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body } = await makeKey(cloud, vaultId)
  const keyId = String(body['id'])
  await cloud.call(cloud.a, 'POST', `${keys}/${keyId}/keyVersions`, {}, { host: vaultId })
  await cloud.settle()
  story = { vaultId, keyId, version: String(body['currentKeyVersion']) }
})

test.each(Object.keys(changes))('%s', async (operation) => {
  const [method, target, body, host = 'region'] = changes[operation]?.(story, cloud) ?? ['', '', {}]
  const headers = { 'opc-retry-token': 'the-same' }
  const call = (): Promise<Answered> => cloud.call(cloud.a, method, target, body, { host, headers })
  cloud.link.isUp = false
  expect((await call()).status).toBe(503)
  expect((await call()).status).toBe(503)
  cloud.link.isUp = true
  // The hand-off alone brings it: what the stream and the outbox would bring is lost.
  await loseTheStream(cloud.a)
  await taken(cloud.a, 'outbox')
  expect((await call()).status).toBe(200)
  await workInboxOf(cloud.b)
  expect(await storedRows(cloud.b, story.vaultId)).toEqual(await storedRows(cloud.a, story.vaultId))
})
