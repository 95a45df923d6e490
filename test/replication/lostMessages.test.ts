import { listAtRisk, markAtRisk } from '../../lib/replication/atRisk.ts'
import { lastReceipt } from '../../lib/replication/messages/receipts.ts'
import { workOutcome } from '../../lib/replication/messages/outcome.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { loseTheStream, taken, workInboxOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB } from '../harness/twoRegions.ts'
import { allowReplication, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What a replica's inbox took and lost, what the stream lost, and what a crash left behind. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

const rename = (target: string, displayName: string, host?: string) =>
  cloud.call(cloud.a, 'PUT', `/20180608/${target}`, { displayName }, host === undefined ? {} : { host })

const nameThere = async (target: string, host?: string) =>
  (await cloud.call(cloud.b, 'GET', `/20180608/${target}`, undefined, host === undefined ? {} : { host })).body[
    'displayName'
  ]

test('a vault’s change that has no receipt is sent again by the stream', async () => {
  await rename(`vaults/${vaultId}`, 'renamed')
  expect(await taken(cloud.b, 'inbox')).toHaveLength(1)
  await cloud.settle()
  expect(await nameThere(`vaults/${vaultId}`)).toBe('renamed')
})

test('a key’s change that has no receipt is sent again by the stream', async () => {
  const target = `keys/${String((await makeKey(cloud, vaultId)).body['id'])}`
  await cloud.settle()
  await rename(target, 'renamed', vaultId)
  expect(await taken(cloud.b, 'inbox')).toHaveLength(1)
  await cloud.settle()
  expect(await nameThere(target, vaultId)).toBe('renamed')
})

test('identity that neither the hand-off nor the stream brought over arrives after all', async () => {
  await allowReplication(cloud)
  await cloud.settle()
  const policies = async () =>
    (await cloud.call(cloud.b, 'GET', `/20160918/policies?compartmentId=${cloud.tenancyId}`)).list
  const before = (await policies()).length
  const statements = ['Allow group Administrators to read keys in tenancy']
  const details = { compartmentId: cloud.tenancyId, name: 'late', description: 'd', statements }
  expect((await cloud.call(cloud.a, 'POST', '/20160918/policies', details)).status).toBe(200)
  await taken(cloud.b, 'inbox')
  await loseTheStream(cloud.a)
  await cloud.settle()
  expect(await policies()).toHaveLength(before)
  await reconcile(cloud.a.runtime)
  await cloud.settle()
  expect(await policies()).toHaveLength(before + 1)
})

describe('a change that is listed as at risk', () => {
  let keyId: string
  beforeEach(async () => {
    keyId = String((await makeKey(cloud, vaultId)).body['id'])
    await cloud.settle()
  })

  const atRisk = async () => (await listAtRisk(cloud.a.store.tables, regionB, 10)).items.map(({ sk }) => sk)

  test('is taken off by reconciliation where its receipt came first and a crash left it', async () => {
    const { tables } = cloud.a.store
    const vault = await cloud.a.runtime.cache.freshVault(vaultId)
    const receipt = vault && (await lastReceipt(tables, vault, keyId))
    const { covered } = receipt?.receipt ?? {}
    if (vault === undefined || covered === undefined) throw new Error('There is no receipt.')
    const row = { pk: `atRisk#${regionB}`, sk: keyId, vaultId, ...covered, since: cloud.clock.now }
    await tables.write([{ op: 'put', table: 'Replication', item: row }])
    const waiting = { ...row, sk: `${keyId}-later`, revision: 1 }
    await tables.write([{ op: 'put', table: 'Replication', item: waiting }])
    await reconcile(cloud.a.runtime)
    expect(await atRisk()).toEqual([waiting.sk])
  })

  test('is not listed at all where its receipt came before the mark', async () => {
    const vault = await cloud.a.runtime.cache.freshVault(vaultId)
    const key = vault && (await cloud.a.runtime.cache.freshKey(vault.keys, keyId))
    if (vault === undefined || key === undefined) throw new Error('The key is missing.')
    await markAtRisk(cloud.a.store.tables, vault, regionB, key, cloud.clock.now)
    expect(await atRisk()).toEqual([])
    await markAtRisk(cloud.a.store.tables, vault, regionB, { ...key, revision: key.revision + 1 }, cloud.clock.now)
    expect(await atRisk()).toEqual([keyId])
  })

  test('stays listed when a receipt of the state before comes', async () => {
    await rename(`keys/${keyId}`, 'one', vaultId)
    await workInboxOf(cloud.b)
    const receipts = await taken(cloud.a, 'outcome')
    expect(receipts).toHaveLength(1)
    cloud.link.isUp = false
    await rename(`keys/${keyId}`, 'two', vaultId)
    expect(await atRisk()).toEqual([keyId])
    for (const text of receipts) await workOutcome(cloud.a.runtime, text)
    expect(await atRisk()).toEqual([keyId])
    cloud.link.isUp = true
    await cloud.settle()
    expect(await atRisk()).toEqual([])
  })
})
