import type { Tables } from '../../lib/ports.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import {
  allowReplication,
  createReplica,
  decrypt,
  deleteReplica,
  encrypt,
  makeKey,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** What must see every key goes by primary key: here the listing index of both regions shows nothing at all. */
const cloud = cloudOfEachTest()
let vaultId: string
let keyIds: string[]
beforeEach(async () => {
  for (const { store } of [cloud.a, cloud.b]) {
    const nothing: Tables['queryIndex'] = async () => ({ items: [] })
    Object.assign(store.tables, { queryIndex: nothing })
  }
  vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  keyIds = []
  for (let i = 0; i < 30; i += 1) keyIds.push(String((await makeKey(cloud, vaultId)).body['id']))
})

test('an index that lags behind hides no key from the initial copy: CREATED means every row', async () => {
  const ciphertexts = await Promise.all(keyIds.map((keyId) => encrypt(cloud, cloud.a, vaultId, keyId)))
  await createReplica(cloud, vaultId)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  expect(await storedRows(cloud.b, vaultId)).toEqual(await storedRows(cloud.a, vaultId))
  for (const [index, keyId] of keyIds.entries())
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertexts[index])).status).toBe(200)
})

test('a replica is not CREATED while one key has no receipt for all its rows', async () => {
  const lost = keyIds[7] ?? ''
  await createReplica(cloud, vaultId)
  const { tables } = cloud.b.store
  const write: Tables['write'] = tables.write.bind(tables)
  const refused: Tables['write'] = async (writes, id) => {
    if (writes.some((each) => each.op === 'put' && each.item.pk === lost)) throw new Error('The table is throttled.')
    return write(writes, id)
  }
  Object.assign(tables, { write: refused })
  await cloud.settle(20)
  const there = await cloud.b.runtime.tables.get('Keys', lost, 'key')
  expect([await replicaStatus(cloud, vaultId), there]).toEqual(['CREATING', undefined])
  Object.assign(tables, { write })
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  expect(await cloud.b.runtime.tables.get('Keys', lost, 'key')).toBeDefined()
})

test('a replica that is deleted leaves no row of any key behind', async () => {
  await createReplica(cloud, vaultId)
  await cloud.settle()
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBeUndefined()
  for (const keyId of keyIds) {
    expect((await cloud.b.runtime.tables.query('Keys', keyId, '', { limit: 10 })).items).toEqual([])
  }
})
