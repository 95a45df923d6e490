import { versionSkPrefix } from '../../lib/kms/rows/rows.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered, TestRegion } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

const day = 86_400_000
const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

function post(target: string, body?: object, region: TestRegion = cloud.a): Promise<Answered> {
  return cloud.call(region, 'POST', target, body, { host: target.includes('/vaults/') ? 'region' : vaultId })
}
function get(target: string, region: TestRegion = cloud.a): Promise<Answered> {
  return cloud.call(region, 'GET', target, undefined, { host: target.includes('/vaults/') ? 'region' : vaultId })
}
const inDays = (days: number) => new Date(cloud.clock.now + days * day).toISOString()
const keyPath = (key: Answered) => `/20180608/keys/${String(key.body['id'])}`

/** Lets time pass, does what is due, and lets the replica follow. */
async function pass(days: number): Promise<void> {
  cloud.clock.now += days * day
  await cloud.runDue()
  await cloud.settle()
}

async function materialIn({ store }: TestRegion, keyId: string): Promise<readonly unknown[]> {
  const { items } = await store.tables.query('Keys', keyId, versionSkPrefix, { limit: 1000 })
  return items.map((item) => item['wrapped'])
}

describe('a key', () => {
  test('is scheduled, does no crypto, and comes back as it was', async () => {
    const key = await makeKey(cloud, vaultId)
    await post(`${keyPath(key)}/actions/disable`)
    const scheduled = await post(`${keyPath(key)}/actions/scheduleDeletion`)
    expect(scheduled).toMatchObject({ status: 200, body: { lifecycleState: 'PENDING_DELETION' } })
    expect(scheduled.body['timeOfDeletion']).toMatch(/\.000Z$/)
    expect(Date.parse(String(scheduled.body['timeOfDeletion'])) - cloud.clock.now).toBeGreaterThan(30 * day - 2000)
    await cloud.settle()
    expect((await get(keyPath(key), cloud.b)).body).toEqual({ ...scheduled.body, isPrimary: false })
    expect(await decrypt(cloud, cloud.b, vaultId, key.body['id'], 'AAAA')).toMatchObject({
      status: 409,
      body: { code: 'IncorrectState' },
    })
    const cancelled = await post(`${keyPath(key)}/actions/cancelDeletion`)
    expect(cancelled.body).toMatchObject({ lifecycleState: 'DISABLED', timeOfDeletion: null })
    await pass(31)
    expect((await get(keyPath(key), cloud.b)).body).toMatchObject({ lifecycleState: 'DISABLED' })
  })

  test('is destroyed when its time has come, in both regions, with all its versions', async () => {
    const key = await makeKey(cloud, vaultId)
    const id = String(key.body['id'])
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, id)
    for (let count = 0; count < 100; count += 1) await post(`${keyPath(key)}/keyVersions`, {})
    await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(8) })
    await pass(7.5)
    expect((await get(keyPath(key))).body).toMatchObject({ lifecycleState: 'PENDING_DELETION' })
    await pass(1)
    for (const region of [cloud.a, cloud.b]) {
      expect((await get(keyPath(key), region)).body).toMatchObject({ lifecycleState: 'DELETED' })
      const material = await materialIn(region, id)
      expect(material).toHaveLength(101)
      expect(material.every((wrapped) => wrapped === null)).toBe(true)
      expect((await decrypt(cloud, region, vaultId, id, ciphertext)).status).toBe(404)
    }
    expect((await post(`${keyPath(key)}/actions/cancelDeletion`)).status).toBe(404)
    const versions = await get(`${keyPath(key)}/keyVersions?limit=1000`, cloud.b)
    expect(new Set(versions.list.map(({ lifecycleState }) => lifecycleState))).toEqual(new Set(['DELETED']))
  })

  test.each([6.9, 30.1, -1])('cannot be scheduled for %s days from now', async (days) => {
    const key = await makeKey(cloud, vaultId)
    const answer = await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(days) })
    expect(answer).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
    expect((await get(keyPath(key))).body).toEqual(key.body)
  })

  test('waits for the sweep of its own region only: a replica destroys nothing by its clock', async () => {
    const key = await makeKey(cloud, vaultId)
    await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(8) })
    await cloud.settle()
    cloud.link.isUp = false
    cloud.clock.now += 9 * day
    await cloud.runDue()
    expect((await get(keyPath(key))).body).toMatchObject({ lifecycleState: 'DELETED' })
    expect((await get(keyPath(key), cloud.b)).body).toMatchObject({ lifecycleState: 'PENDING_DELETION' })
    cloud.link.isUp = true
    await cloud.settle()
    expect((await get(keyPath(key), cloud.b)).body).toMatchObject({ lifecycleState: 'DELETED' })
  })
})

describe('a key version', () => {
  test('goes alone; the others decrypt', async () => {
    const key = await makeKey(cloud, vaultId)
    const old = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    await post(`${keyPath(key)}/keyVersions`, {})
    const young = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    const target = `${keyPath(key)}/keyVersions/${String(key.body['currentKeyVersion'])}`
    const scheduled = await post(`${target}/actions/scheduleDeletion`, { timeOfDeletion: inDays(7) })
    expect(scheduled).toMatchObject({ status: 200, body: { lifecycleState: 'PENDING_DELETION' } })
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], old)).status).toBe(409)
    const cancelled = await post(`${target}/actions/cancelDeletion`)
    expect(cancelled.body).toMatchObject({ lifecycleState: 'ENABLED', timeOfDeletion: null })
    await post(`${target}/actions/scheduleDeletion`, { timeOfDeletion: inDays(7) })
    await pass(8)
    for (const region of [cloud.a, cloud.b]) {
      expect((await decrypt(cloud, region, vaultId, key.body['id'], old)).status).toBe(404)
      expect((await decrypt(cloud, region, vaultId, key.body['id'], young)).status).toBe(200)
      expect((await get(target, region)).body).toMatchObject({ lifecycleState: 'DELETED' })
    }
    expect((await materialIn(cloud.b, String(key.body['id']))).filter((wrapped) => wrapped === null)).toHaveLength(1)
  })

  test('that is current cannot be scheduled; a key cannot go before its version', async () => {
    const key = await makeKey(cloud, vaultId)
    const first = `${keyPath(key)}/keyVersions/${String(key.body['currentKeyVersion'])}`
    const refused = await post(`${first}/actions/scheduleDeletion`)
    expect(refused).toMatchObject({ status: 409, body: { code: 'Conflict' } })
    await post(`${keyPath(key)}/keyVersions`, {})
    await post(`${first}/actions/scheduleDeletion`, { timeOfDeletion: inDays(20) })
    const early = await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(10) })
    expect(early).toMatchObject({ status: 409, body: { code: 'Conflict' } })
    expect((await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(21) })).status).toBe(200)
  })
})

describe('a vault', () => {
  const vaultPath = () => `/20180608/vaults/${vaultId}`

  test('takes its keys along and gives them back', async () => {
    const plain = await makeKey(cloud, vaultId)
    const early = await makeKey(cloud, vaultId, { displayName: 'early' })
    await post(`${keyPath(early)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(9) })
    const before = (await get(keyPath(early))).body
    const scheduled = await post(`${vaultPath()}/actions/scheduleDeletion`, { timeOfDeletion: inDays(12) })
    expect(scheduled).toMatchObject({ status: 200, body: { lifecycleState: 'PENDING_DELETION' } })
    await cloud.settle()
    for (const region of [cloud.a, cloud.b]) {
      const { body } = await get(keyPath(plain), region)
      expect(body).toMatchObject({ lifecycleState: 'PENDING_DELETION' })
      expect(body['timeOfDeletion']).toBe(scheduled.body['timeOfDeletion'])
      expect((await get(keyPath(early), region)).body).toMatchObject({ timeOfDeletion: before['timeOfDeletion'] })
      expect((await get(vaultPath(), region)).body).toMatchObject({ lifecycleState: 'PENDING_DELETION' })
    }
    expect(await makeKey(cloud, vaultId)).toMatchObject({ status: 409, body: { code: 'IncorrectState' } })
    const listed = await get(`/20180608/keys?compartmentId=${cloud.tenancyId}`, cloud.b)
    expect(listed.list.map(({ lifecycleState }) => lifecycleState)).toEqual(['PENDING_DELETION', 'PENDING_DELETION'])
    expect((await post(`${vaultPath()}/actions/cancelDeletion`)).body).toMatchObject({ lifecycleState: 'ACTIVE' })
    await cloud.settle()
    expect((await get(keyPath(plain), cloud.b)).body).toMatchObject({ lifecycleState: 'ENABLED', timeOfDeletion: null })
    expect((await get(keyPath(early), cloud.b)).body).toEqual({ ...before, isPrimary: false })
  })

  test('must not go before one of its keys', async () => {
    const key = await makeKey(cloud, vaultId)
    await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(20) })
    const early = { timeOfDeletion: inDays(19) }
    const refused = await post(`${vaultPath()}/actions/scheduleDeletion`, early)
    expect(refused).toMatchObject({ status: 409, body: { code: 'Conflict' } })
    await post(`${keyPath(key)}/actions/cancelDeletion`)
    expect((await post(`${vaultPath()}/actions/scheduleDeletion`, early)).status).toBe(200)
  })

  test('is destroyed with everything in it, in both regions', async () => {
    const key = await makeKey(cloud, vaultId)
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    await get('/20180608/wrappingKeys')
    await post(`${vaultPath()}/actions/scheduleDeletion`, { timeOfDeletion: inDays(7) })
    await pass(8)
    for (const region of [cloud.a, cloud.b]) {
      expect((await get(vaultPath(), region)).body).toMatchObject({ lifecycleState: 'DELETED' })
      expect((await get(keyPath(key), region)).body).toMatchObject({ lifecycleState: 'DELETED' })
      expect((await decrypt(cloud, region, vaultId, key.body['id'], ciphertext)).status).toBe(404)
      expect(await materialIn(region, String(key.body['id']))).toEqual([null])
      const keys = await region.store.tables.get('Vaults', vaultId, 'keys')
      expect(keys?.['wrapped']).toMatchObject({ hsmKek: null, softwareKek: null })
      expect((await region.store.tables.get('Vaults', vaultId, 'wrappingKey'))?.['wrapped']).toBeNull()
      const usage = await get(`${vaultPath()}/usage`, region)
      expect(usage.body).toEqual({
        keyCount: 0,
        keyVersionCount: 0,
        softwareKeyCount: 0,
        softwareKeyVersionCount: 0,
      })
    }
    expect((await post(`${vaultPath()}/actions/cancelDeletion`)).status).toBe(404)
    expect((await get(`${vaultPath()}/actions/listReplicas`)).list).toEqual([])
    const left = await cloud.a.store.tables.query('Replication', `pending#${vaultId}`, '', { limit: 10 })
    expect(left.items).toEqual([])
  })
})

test('usage counts what is not deleted, by protection mode', async () => {
  const own = await makeVault(cloud)
  vaultId = own
  const key = await makeKey(cloud, own)
  await post(`${keyPath(key)}/keyVersions`, {})
  await makeKey(cloud, own, { protectionMode: 'SOFTWARE' })
  const usage = () => get(`/20180608/vaults/${own}/usage`)
  expect((await usage()).body).toMatchObject({ keyCount: 1, keyVersionCount: 2, softwareKeyCount: 1 })
  await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: inDays(7) })
  await pass(8)
  expect((await usage()).body).toMatchObject({ keyCount: 0, keyVersionCount: 0, softwareKeyVersionCount: 1 })
})
