import { deleteCompartment, makeCompartment, makePolicyIn, makeVaultIn } from '../harness/compartmentStory.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'

let cloud: TestCloud
let compartmentId: string
beforeEach(async () => {
  cloud = await twoRegions()
  compartmentId = await makeCompartment(cloud, 'alpha')
})
afterEach(() => {
  cloud.close()
})

/** From here on the caller may do this and look after policies, and nothing else. */
async function allowOnly(...statements: string[]): Promise<void> {
  const { list } = await cloud.call(cloud.a, 'GET', `/20160918/policies?compartmentId=${cloud.tenancyId}`)
  const id = String(list.find(({ name }) => name === 'Tenant Admin Policy')?.['id'])
  const all = ['Allow group Administrators to manage policies in tenancy', ...statements]
  const { status } = await cloud.call(cloud.a, 'PUT', `/20160918/policies/${id}`, { statements: all })
  expect(status).toBe(200)
}

async function isAccessible(id: string): Promise<unknown> {
  return (await cloud.call(cloud.a, 'GET', `/20160918/compartments/${id}`)).body['isAccessible']
}

const compartments = 'Allow group Administrators to manage compartments in tenancy'

test('a statement that names a compartment follows its name at once', async () => {
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha')
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 200 })
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartmentId}`, { name: 'omega' })
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 404 })
  const successor = await makeCompartment(cloud, 'Alpha')
  expect(await makeVaultIn(cloud, cloud.a, successor)).toMatchObject({ status: 200 })
})

test('a statement that names a deleted compartment means the one that has its name now', async () => {
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha')
  await deleteCompartment(cloud, compartmentId)
  await cloud.settle()
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 404 })
  expect(await makeVaultIn(cloud, cloud.a, await makeCompartment(cloud, 'alpha'))).toMatchObject({ status: 200 })
})

test('a policy in a compartment reaches that one and those below it, and no other', async () => {
  const child = await makeCompartment(cloud, 'child', compartmentId)
  const sibling = await makeCompartment(cloud, 'sibling')
  const statement = 'Allow group Administrators to manage vaults in compartment alpha'
  expect(await makePolicyIn(cloud, compartmentId, statement)).toMatchObject({ status: 200 })
  await allowOnly()
  expect((await makeVaultIn(cloud, cloud.a, compartmentId)).status).toBe(200)
  expect((await makeVaultIn(cloud, cloud.a, child)).status).toBe(200)
  expect((await makeVaultIn(cloud, cloud.a, sibling)).status).toBe(404)
})

test.each([
  ['PUT', { description: 'x' }],
  ['DELETE', undefined],
  ['GET', undefined],
] as const)(
  '%s of a compartment that the caller may not touch answers as for one that is not there',
  async (method, body) => {
    await allowOnly()
    const target = (id: string) => `/20160918/compartments/${id}`
    const real = await cloud.call(cloud.a, method, target(compartmentId), body)
    const unreal = await cloud.call(cloud.a, method, target(`${compartmentId.slice(0, -4)}aaaa`), body)
    expect(real).toMatchObject({ status: 404, body: { code: 'NotAuthorizedOrNotFound' } })
    expect([real.status, real.body]).toEqual([unreal.status, unreal.body])
  },
)

test('a compartment is accessible to who may inspect something in it or below', async () => {
  const child = await makeCompartment(cloud, 'child', compartmentId)
  const sibling = await makeCompartment(cloud, 'sibling')
  await allowOnly(compartments)
  expect(await isAccessible(sibling)).toBe(true)
  await allowOnly(
    `Allow group Administrators to inspect keys in compartment id ${child}`,
    "Allow group Administrators to inspect compartments in tenancy where request.operation = 'GetCompartment'",
  )
  const target = `/20160918/compartments?compartmentId=${cloud.tenancyId}`
  expect(await cloud.call(cloud.a, 'GET', target)).toMatchObject({ status: 404 })
  await allowOnly(
    `Allow group Administrators to inspect keys in compartment id ${child}`,
    `Allow group Administrators to inspect compartments in tenancy where target.compartment.id = '${cloud.tenancyId}'`,
  )
  const any = await cloud.call(cloud.a, 'GET', `${target}&compartmentIdInSubtree=true&sortBy=NAME`)
  expect(any.list.map(({ name, isAccessible: may }) => [name, may])).toEqual([
    ['alpha', true],
    ['child', true],
    ['sibling', false],
  ])
  const open = await cloud.call(cloud.a, 'GET', `${target}&accessLevel=ACCESSIBLE`)
  expect(open.list.map(({ name }) => name)).toEqual(['alpha'])
})
