import { reconcile } from '../../lib/replication/reconcile.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { decrypt, deleteReplica, encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

let cloud: TestCloud
afterEach(() => {
  cloud.close()
})

/** What happens to changes that lie in a stream for longer than it keeps them. */
async function loseTheStream(): Promise<void> {
  const { tables, queues } = cloud.a.store
  const changes = await tables.readChanges(0, 1000)
  await tables.trimChanges(changes.at(-1)?.seq ?? 0)
  expect(queues.nextVisibleAt('outbox')).toBeUndefined()
}

/** A run looks at a page of one shard; this many see every key of a small vault. */
async function reconcileAll(): Promise<void> {
  for (let run = 0; run < 20; run += 1) await reconcile(cloud.a.runtime)
}

test('changes that neither the hand-off nor the stream brought over arrive after all', async () => {
  cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  const known = await makeKey(cloud, vaultId)
  await cloud.settle()
  cloud.link.isUp = false
  const lost = await makeKey(cloud, vaultId)
  const target = `/20180608/keys/${String(known.body['id'])}`
  await cloud.call(cloud.a, 'POST', `${target}/keyVersions`, {}, { host: vaultId })
  await cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' })
  const ciphertexts = [
    [known.body['id'], await encrypt(cloud, cloud.a, vaultId, known.body['id'])],
    [lost.body['id'], await encrypt(cloud, cloud.a, vaultId, lost.body['id'])],
  ] as const
  await loseTheStream()
  cloud.link.isUp = true
  await cloud.settle()
  expect((await decrypt(cloud, cloud.b, vaultId, lost.body['id'], ciphertexts[1][1])).status).toBe(404)
  await reconcileAll()
  await cloud.settle()
  for (const [keyId, ciphertext] of ciphertexts)
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).toBe(200)
  const there = await cloud.call(cloud.b, 'GET', `/20180608/vaults/${vaultId}`)
  expect(there.body).toMatchObject({ displayName: 'renamed' })
})

test('nothing is sent where the replica has everything, nor for a vault without one', async () => {
  cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  await makeKey(cloud, vaultId)
  await cloud.settle()
  const { length } = cloud.link.sent
  await reconcileAll()
  expect(cloud.link.sent).toHaveLength(length)
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  await reconcileAll()
  const left = await cloud.a.store.tables.query('Replication', 'linked', '', { limit: 10 })
  expect(left.items).toEqual([])
})

test('a vault that cannot be read holds up no other', async () => {
  cloud = await twoRegions()
  const broken = await makeReplicatedVault(cloud)
  const stored = await cloud.a.store.tables.get('Vaults', broken, 'vault')
  await cloud.a.store.tables.write([
    { op: 'put', table: 'Vaults', item: { ...stored, pk: broken, sk: 'vault', mac: 'AAAA' } },
  ])
  await expect(reconcile(cloud.a.runtime)).resolves.toBeUndefined()
})
