import { addUser } from '../harness/addUser.ts'
import { makeVault } from '../harness/vaultStory.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'

/** For how long a tenancy keeps its audit: said once, carried out in every region. */

const cloud = cloudOfEachTest()

const day = 86_400_000
const target = () => `/20190901/configuration?compartmentId=${cloud.tenancyId}`
const keep = (retentionPeriodDays: unknown) => cloud.call(cloud.a, 'PUT', target(), { retentionPeriodDays })
const kept = async (region: TestRegion) => (await cloud.call(region, 'GET', target())).body['retentionPeriodDays']

/** The operations that a region's audit shows of two days around a moment; those of changes commit with them. */
async function listed(region: TestRegion, at: number): Promise<readonly unknown[]> {
  const [start = '', end = ''] = [at - day, at + day].map((ms) => new Date(ms).toISOString())
  const query = `compartmentId=${cloud.tenancyId}&startTime=${start}&endTime=${end}`
  const { list } = await cloud.call(region, 'GET', `/20190901/auditEvents?${query}`)
  return list.map((event) => (event['data'] as Record<string, unknown>)['eventName'])
}

test('it is 365 days until somebody says another number from 90 to 365, and then that, in both regions', async () => {
  expect(await Promise.all([kept(cloud.a), kept(cloud.b)])).toEqual([365, 365])
  for (const wrong of [89, 366, 0, -90, 90.5, 'many', null]) expect((await keep(wrong)).status).toBe(400)
  expect((await keep(90)).status).toBe(202)
  await cloud.settle()
  expect(await Promise.all([kept(cloud.a), kept(cloud.b)])).toEqual([90, 90])
})

test('what is older is not listed any more, whenever it was written, and what was written since is removed', async () => {
  const written = cloud.clock.now
  await makeVault(cloud)
  await keep(90)
  await cloud.call(cloud.b, 'GET', `/20180608/vaults?compartmentId=${cloud.tenancyId}`)
  await cloud.settle()
  await makeVault(cloud)
  cloud.clock.now = written + 89 * day
  expect((await listed(cloud.a, written)).filter((name) => name === 'CreateVault')).toHaveLength(2)
  cloud.clock.now = written + 90 * day + 10_000
  expect(await listed(cloud.a, written)).toEqual([])
  expect(await listed(cloud.b, written)).toEqual([])
  expect(await cloud.a.store.tables.sweepExpired(100)).toBeGreaterThanOrEqual(1)
  // What came before it was said is hidden alone: saying a longer time shows it again.
  await keep(365)
  expect(await listed(cloud.a, written)).toContain('CreateVault')
  expect((await listed(cloud.a, written)).filter((name) => name === 'CreateVault')).toHaveLength(1)
})

test('who may read events may read it, and only who may manage them may change it', async () => {
  const reader = await addUser(cloud, 'auditors', ['Allow group auditors to read audit-events in tenancy'])
  expect((await reader(cloud.a, 'GET', target())).status).toBe(200)
  expect((await reader(cloud.a, 'PUT', target(), { retentionPeriodDays: 90 })).status).toBe(404)
})
