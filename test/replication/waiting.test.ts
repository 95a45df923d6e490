import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB } from '../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  decrypt,
  encrypt,
  makeKey,
  makeReplicatedVault,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

test("records that come long before their vault's keys are kept, and applied when these arrive", async () => {
  const vaultId = await makeReplicatedVault(cloud)
  cloud.link.sent.length = 0
  const { body: key } = await makeKey(cloud, vaultId)
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, key['id'])
  const early = cloud.link.sent.filter(({ to, queue }) => to === regionB && queue === 'inbox')
  const { b } = cloud
  // The region as it was before the vault's keys came.
  const rows = await Promise.all(['vault', 'keys'].map((sk) => b.store.tables.get('Vaults', vaultId, sk)))
  await b.store.tables.write([
    { op: 'delete', table: 'Vaults', pk: vaultId, sk: 'vault' },
    { op: 'delete', table: 'Vaults', pk: vaultId, sk: 'keys' },
  ])
  await b.store.queues.delete(
    'inbox',
    (await b.store.queues.receive('inbox', 10, 1)).map(({ id }) => id),
  )
  await b.store.queues.send(
    'inbox',
    early.map(({ body }) => ({ body })),
  )
  await cloud.settle(150)
  expect(await b.store.queues.deadLetters('inbox', 10)).toEqual([])
  await b.store.tables.write(
    rows.flatMap((item) => (item === undefined ? [] : [{ op: 'put' as const, table: 'Vaults' as const, item }])),
  )
  await cloud.settle(10)
  expect(await decrypt(cloud, b, vaultId, key['id'], ciphertext)).toMatchObject({ status: 200 })
})

test('a caller who asks for a replica does not wait for a peer that never answers', async () => {
  const vaultId = await makeVault(cloud)
  await allowReplication(cloud)
  cloud.link.isStuck = true
  expect((await createReplica(cloud, vaultId)).status).toBe(202)
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATING')
})
