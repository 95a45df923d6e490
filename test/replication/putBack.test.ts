import type { Item } from '../../lib/ports.ts'
import { recount } from '../../lib/replication/recount.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** A primary that was put back to an older state: the comparison says so, and overwrites nothing. */

const cloud = cloudOfEachTest()
let vaultId: string
let keyId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
  await cloud.settle()
})

const keyAt = ({ store }: TestRegion) => store.tables.get('Keys', keyId, 'key')

async function compareAfter(writes: Parameters<TestRegion['store']['tables']['write']>[0]): Promise<Item | undefined> {
  const { runtime, store } = cloud.a
  await store.tables.write(writes)
  const vault = await runtime.cache.freshVault(vaultId)
  if (vault === undefined) throw new Error('The vault is missing.')
  await recount(runtime, vault, keyId)
  cloud.clock.now += 60_000
  await reconcile(runtime)
  await cloud.settle()
  return store.tables.get('Replication', 'compared', vaultId)
}

test('a key that only the replica has stays there and is told', async () => {
  const there = await keyAt(cloud.b)
  const found = await compareAfter([{ op: 'delete', table: 'Keys', pk: keyId, sk: 'key' }])
  expect(found).toMatchObject({ diverged: 1, waiting: null })
  expect(await keyAt(cloud.b)).toEqual(there)
})

test('a key that is newer in the replica stays so and is told', async () => {
  const old = (await keyAt(cloud.a)) as Item
  await cloud.call(cloud.a, 'PUT', `/20180608/keys/${keyId}`, { displayName: 'later' }, { host: vaultId })
  await cloud.settle()
  const found = await compareAfter([{ op: 'put', table: 'Keys', item: old }])
  expect(found).toMatchObject({ diverged: 1, waiting: null })
  expect(await keyAt(cloud.b)).toMatchObject({ displayName: 'later' })
})
