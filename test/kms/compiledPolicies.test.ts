import { rulesOf } from '../../lib/iam/rulesOf.ts'
import { twoRegions } from '../harness/twoRegions.ts'

test('a change of one policy compiles that one and no other', async () => {
  const cloud = await twoRegions()
  const target = '/20160918/policies'
  const make = async (name: string) => {
    const statements = ['Allow group Administrators to read keys in tenancy']
    const details = { compartmentId: cloud.tenancyId, name, description: 'd', statements }
    return String((await cloud.call(cloud.a, 'POST', target, details)).body['id'])
  }
  const compiled = async () => {
    const tenancy = await cloud.a.runtime.identity.tenancy(cloud.tenancyId)
    return new Map(rulesOf(tenancy, cloud.tenancyId).policies.map((policy) => [policy.id, policy]))
  }
  const [kept, changed] = [await make('kept'), await make('changed')]
  const before = await compiled()
  await cloud.call(cloud.a, 'PUT', `${target}/${changed}`, { description: 'e' })
  const after = await compiled()
  expect(after.get(kept)).toBe(before.get(kept))
  expect(after.get(changed)).not.toBe(before.get(changed))
  cloud.close()
})
