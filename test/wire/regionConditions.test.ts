import { makePolicyIn } from '../harness/compartmentStory.ts'
import { ordinaryAdminPolicy } from '../harness/ordinaryAdminPolicy.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'

const cloud = cloudOfEachTest()

test.each([
  ["request.region = 'iad'", [200, 404]],
  ["request.region = 'us-phoenix-1'", [404, 200]],
  ["request.region != 'PHX'", [200, 404]],
])('%s answers %j in Ashburn and Phoenix', async (condition, expected) => {
  const id = await ordinaryAdminPolicy(cloud)
  const statements = [`Allow any-user to inspect vaults in tenancy where ${condition}`]
  expect(await cloud.call(cloud.a, 'PUT', `/20160918/policies/${id}`, { statements })).toMatchObject({ status: 200 })
  await cloud.settle()
  const statusAt = async (region: TestRegion) =>
    (await cloud.call(region, 'GET', `/20180608/vaults?compartmentId=${cloud.tenancyId}`)).status
  expect([await statusAt(cloud.a), await statusAt(cloud.b)]).toEqual(expected)
})

test('a region that the cloud does not have is refused with those that it has', async () => {
  const statement = "Allow any-user to use keys in tenancy where request.region != 'fra'"
  const said =
    "Policy statement 1, line 1, column 63: request.region is never 'fra': there is no such region in this cloud. Known are 'iad', 'us-ashburn-1', 'phx', 'us-phoenix-1'."
  expect(await makePolicyIn(cloud, cloud.tenancyId, statement)).toMatchObject({ status: 400, body: { message: said } })
})
