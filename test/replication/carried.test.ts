import { requestSk } from '../../lib/kms/mutation.ts'
import { vaultKeysSk } from '../../lib/kms/vaultCache.ts'
import { workInboxOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What a record brings beside its row. Only the hand-off runs here, and each message comes once. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

test('a key’s record brings the retry token that made it', async () => {
  const { body } = await makeKey(cloud, vaultId, { retryToken: 'once' })
  const key = await cloud.a.store.tables.get('Keys', String(body['id']), 'key')
  const pk = key?.['request'] as string
  const made = await cloud.a.store.tables.get('Requests', pk, requestSk)
  expect(made).toMatchObject({ resourceId: body['id'] })
  await workInboxOf(cloud.b)
  expect(await cloud.b.store.tables.get('Requests', pk, requestSk)).toEqual(made)
})

test('a vault’s record brings its wrapping key', async () => {
  const wrappingKey = (region = cloud.a) =>
    cloud.call(region, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
  const made = await wrappingKey()
  expect(made.status).toBe(200)
  await workInboxOf(cloud.b)
  expect((await wrappingKey(cloud.b)).body).toMatchObject({ publicKey: made.body['publicKey'] })
})

test('with a vault its keys are destroyed in the replica too, by the tombstone and not before', async () => {
  const wrapped = async () => (await cloud.b.store.tables.get('Vaults', vaultId, vaultKeysSk))?.['wrapped']
  const timeOfDeletion = new Date(cloud.clock.now + 8 * 86_400_000).toISOString()
  await cloud.call(cloud.a, 'POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, { timeOfDeletion })
  await cloud.settle()
  cloud.clock.now += 9 * 86_400_000
  expect(await wrapped()).toMatchObject({ hsmKek: expect.any(String) as unknown })
  await cloud.runDue()
  await workInboxOf(cloud.b)
  expect(await wrapped()).toMatchObject({ hsmKek: null, softwareKek: null })
})
