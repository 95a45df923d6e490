import { reconcile } from '../../lib/replication/reconcile.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { recount } from '../../lib/replication/recount.ts'
import { storedRows } from './sameRows.ts'
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

async function reconcileAll(): Promise<void> {
  await reconcile(cloud.a.runtime)
  await cloud.settle()
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
  for (const [keyId, ciphertext] of ciphertexts)
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).toBe(200)
  const there = await cloud.call(cloud.b, 'GET', `/20180608/vaults/${vaultId}`)
  expect(there.body).toMatchObject({ displayName: 'renamed' })
})

test('a replica that has everything is asked once and sent nothing; one that is gone is not asked', async () => {
  cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  await makeKey(cloud, vaultId)
  await cloud.settle()
  cloud.link.sent.length = 0
  await reconcileAll()
  expect(kindsSent()).toEqual(['compare', 'compared'])
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  cloud.link.sent.length = 0
  await reconcileAll()
  expect(kindsSent()).toEqual([])
  const left = await cloud.a.store.tables.query('Replication', 'linked', '', { limit: 10 })
  expect(left.items).toEqual([])
})

function kindsSent(): readonly unknown[] {
  return cloud.link.sent.map(({ body }) => {
    const envelope = JSON.parse(body) as { body: string }
    return (JSON.parse(envelope.body) as { kind: string }).kind
  })
}

/** What the replica once had and acknowledged. */
const damages = {
  'a version that is gone': async (keyId: string) => {
    const versions = await cloud.b.store.tables.query('Keys', keyId, 'version#', { limit: 10 })
    for (const { pk, sk } of versions.items) await cloud.b.store.tables.write([{ op: 'delete', table: 'Keys', pk, sk }])
  },
  'a key that is gone': async (keyId: string) => {
    await cloud.b.store.tables.write([{ op: 'delete', table: 'Keys', pk: keyId, sk: 'key' }])
  },
} as const

test.each(Object.entries(damages))(
  'a replica that lost %s behind its own back is found out by a count of its rows, and mended',
  async (_, damage) => {
    cloud = await twoRegions()
    const vaultId = await makeReplicatedVault(cloud)
    const keyId = String((await makeKey(cloud, vaultId)).body['id'])
    const whole = await makeKey(cloud, vaultId)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
    await cloud.settle()
    const rows = await storedRows(cloud.a, vaultId)
    expect(await storedRows(cloud.b, vaultId)).toEqual(rows)
    await damage(keyId)
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).not.toBe(200)
    const vault = await cloud.b.runtime.cache.freshVault(vaultId)
    if (vault === undefined) throw new Error('The replica is gone.')
    await recount(cloud.b.runtime, vault, keyId)
    cloud.clock.now += 60_000
    await reconcileAll()
    expect(await storedRows(cloud.b, vaultId)).toEqual(rows)
    expect((await decrypt(cloud, cloud.b, vaultId, keyId, ciphertext)).status).toBe(200)
    const compared = await cloud.a.store.tables.get('Replication', 'compared', vaultId)
    expect(compared).toMatchObject({ diverged: 1, divergedAt: expect.any(Number) as number })
    expect(whole.status).toBe(200)
  },
)

test('a vault that cannot be read holds up no other', async () => {
  cloud = await twoRegions()
  const broken = await makeReplicatedVault(cloud)
  const stored = await cloud.a.store.tables.get('Vaults', broken, 'vault')
  await cloud.a.store.tables.write([
    { op: 'put', table: 'Vaults', item: { ...stored, pk: broken, sk: 'vault', mac: 'AAAA' } },
  ])
  await expect(reconcile(cloud.a.runtime)).resolves.toBeUndefined()
})
