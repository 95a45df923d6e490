import { makeCompartment, makeVaultIn } from '../harness/compartmentStory.ts'
import { ordinaryAdminPolicy } from '../harness/ordinaryAdminPolicy.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'

const cloud = cloudOfEachTest()

test('who may make or rename compartments gets nothing by a name that a condition keeps out, nor by taking it away', async () => {
  const [prod, sand] = [await makeCompartment(cloud, 'prod'), await makeCompartment(cloud, 'sand')]
  const id = await ordinaryAdminPolicy(cloud)
  const statements = [
    "Allow group Administrators to manage vaults in tenancy where target.compartment.name != 'prod'",
    'Allow group Administrators to manage compartments in tenancy',
  ]
  expect(await cloud.call(cloud.a, 'PUT', `/20160918/policies/${id}`, { statements })).toMatchObject({ status: 200 })
  const status = async (compartmentId: string) => (await makeVaultIn(cloud, cloud.a, compartmentId)).status
  // Of the same name in another place, and made since.
  const later = await makeCompartment(cloud, 'Prod', sand)
  expect([await status(prod), await status(sand), await status(later)]).toEqual([404, 200, 404])
  const rename = (which: string, name: string) =>
    cloud.call(cloud.a, 'PUT', `/20160918/compartments/${which}`, { name })
  expect(await rename(prod, 'old')).toMatchObject({ status: 200 })
  expect(await rename(sand, 'prod')).toMatchObject({ status: 200 })
  expect([await status(prod), await status(sand), await status(later)]).toEqual([404, 404, 404])
})
