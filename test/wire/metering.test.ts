import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionA, regionB, type TestRegion } from '../harness/twoRegions.ts'
import { createReplica, deleteReplica, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

const day = 86_400_000
const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  cloud.clock.now = Date.parse('2026-03-01T12:00:00Z')
  vaultId = await makeReplicatedVault(cloud)
})

async function usage(region: TestRegion, from: string, to: string, more = '') {
  const target = `/20180608/usage/keyVersions?from=${from}&to=${to}${more}`
  return cloud.call(region, 'GET', target)
}
const days = (list: readonly Record<string, unknown>[]) => list.map(({ day: on }) => on)

test('a version counts on every day on which it existed, in both regions', async () => {
  const key = await makeKey(cloud, vaultId)
  await cloud.settle()
  cloud.clock.now += 2 * day
  const target = `/20180608/keys/${String(key.body['id'])}`
  await cloud.call(cloud.a, 'POST', `${target}/keyVersions`, {}, { host: vaultId })
  await cloud.settle()
  cloud.clock.now += day
  for (const region of [cloud.a, cloud.b]) {
    const { list } = await usage(region, '2026-03-01', '2026-03-04')
    expect(list).toHaveLength(4 + 2)
    const first = list.filter(({ keyVersionId }) => keyVersionId === key.body['currentKeyVersion'])
    expect(days(first)).toEqual(['2026-03-01', '2026-03-02', '2026-03-03', '2026-03-04'])
    expect(first[0]).toMatchObject({
      keyId: key.body['id'],
      vaultId,
      region: region === cloud.a ? regionA : regionB,
      isPrimary: region === cloud.a,
      protectionMode: 'HSM',
      vaultType: 'VIRTUAL_PRIVATE',
      compartmentId: cloud.tenancyId,
    })
    expect((await usage(region, '2026-02-01', '2026-02-28')).list).toEqual([])
  }
})

test('it counts until the day of its deletion', async () => {
  const key = await makeKey(cloud, vaultId)
  await cloud.settle()
  const target = `/20180608/keys/${String(key.body['id'])}/actions/scheduleDeletion`
  await cloud.call(cloud.a, 'POST', target, { timeOfDeletion: new Date(cloud.clock.now + 7 * day) }, { host: vaultId })
  cloud.clock.now += 7 * day + 1000
  await cloud.runDue()
  await cloud.settle()
  for (const region of [cloud.a, cloud.b]) {
    const { list } = await usage(region, '2026-03-07', '2026-03-31')
    expect(days(list)).toEqual(['2026-03-07', '2026-03-08'])
  }
})

test('a replica counts while it stands, and again when it is made anew', async () => {
  await makeKey(cloud, vaultId)
  await cloud.settle()
  cloud.clock.now += day
  await deleteReplica(cloud, vaultId)
  await cloud.settle()
  cloud.clock.now += 3 * day
  await createReplica(cloud, vaultId)
  await cloud.settle()
  cloud.clock.now += day
  const { list } = await usage(cloud.b, '2026-03-01', '2026-03-06')
  expect(days(list)).toEqual(['2026-03-01', '2026-03-02', '2026-03-05', '2026-03-06'])
  expect((await usage(cloud.a, '2026-03-01', '2026-03-06')).list).toHaveLength(6)
})

test('comes in pages, and as CSV', async () => {
  for (let count = 0; count < 5; count += 1) await makeKey(cloud, vaultId)
  await cloud.settle()
  const found: unknown[] = []
  let pages = 0
  for (let page = ''; ;) {
    const { list, headers } = await usage(cloud.a, '2026-03-01', '2026-03-01', `&limit=2${page}`)
    found.push(...list.map(({ keyVersionId }) => keyVersionId))
    pages += 1
    if (headers['opc-next-page'] === undefined) break
    page = `&page=${headers['opc-next-page']}`
  }
  expect(new Set(found).size).toBe(5)
  expect(found).toHaveLength(5)
  expect(pages).toBeGreaterThan(2)
  const csv = await usage(cloud.a, '2026-03-01', '2026-03-01', '&format=csv')
  expect(csv.headers['content-type']).toBe('text/csv')
  const lines = csv.text.trimEnd().split('\r\n')
  expect(lines[0]).toBe('day,region,isPrimary,vaultId,keyId,keyVersionId,protectionMode,vaultType,compartmentId')
  expect(lines).toHaveLength(6)
})

test.each([
  ['from=2026-03-01', 'MissingParameter'],
  ['from=2026-03-02&to=2026-03-01', 'InvalidParameter'],
  ['from=2026-02-30&to=2026-03-01', 'InvalidParameter'],
  ['from=2024-01-01&to=2026-03-01', 'InvalidParameter'],
  ['from=2026-03-01&to=2026-03-01&format=xml', 'InvalidParameter'],
])('%s is refused', async (query, code) => {
  const refused = await cloud.call(cloud.a, 'GET', `/20180608/usage/keyVersions?${query}`)
  expect(refused).toMatchObject({ status: 400, body: { code } })
})

test('another tenancy sees nothing of it', async () => {
  await makeKey(cloud, vaultId)
  await cloud.settle()
  const other = await cloud.addTenancy()
  const { list } = await other.call(cloud.a, 'GET', '/20180608/usage/keyVersions?from=2026-03-01&to=2026-03-02')
  expect(list).toEqual([])
})
