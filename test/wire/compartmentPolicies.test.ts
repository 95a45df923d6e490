import { appendIdentity } from '../../lib/kms/identity/identityLog.ts'
import type { PolicyRow } from '../../lib/kms/identity/identityRows.ts'
import { tenancyState } from '../../lib/kms/identity/tenancyState.ts'
import { headSeq } from '../../lib/kms/identity/verifyIdentity.ts'
import { bindStoredPolicies } from '../../lib/runtime/bindStoredPolicies.ts'
import { deleteCompartment, makeCompartment, makePolicyIn, makeVaultIn } from '../harness/compartmentStory.ts'
import { ordinaryAdminPolicy } from '../harness/ordinaryAdminPolicy.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'

const cloud = cloudOfEachTest()
let compartmentId: string
beforeEach(async () => {
  compartmentId = await makeCompartment(cloud, 'alpha')
})

/** From here on the caller may do this and look after policies, and nothing else. */
async function allowOnly(...statements: string[]): Promise<void> {
  const id = await ordinaryAdminPolicy(cloud)
  const all = ['Allow group Administrators to manage policies in tenancy', ...statements]
  const { status } = await cloud.call(cloud.a, 'PUT', `/20160918/policies/${id}`, { statements: all })
  expect(status).toBe(200)
}

async function isAccessible(id: string): Promise<unknown> {
  return (await cloud.call(cloud.a, 'GET', `/20160918/compartments/${id}`)).body['isAccessible']
}

const compartments = 'Allow group Administrators to manage compartments in tenancy'

test('a statement means the compartment that it named when it was written, whatever that is called since', async () => {
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha')
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 200 })
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartmentId}`, { name: 'omega' })
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 200 })
  const successor = await makeCompartment(cloud, 'Alpha')
  expect(await makeVaultIn(cloud, cloud.a, successor)).toMatchObject({ status: 404 })
})

test('who may rename a compartment gets no right by giving it a name that a statement uses', async () => {
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha')
  const other = await makeCompartment(cloud, 'beta')
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartmentId}`, { name: 'omega' })
  const renamed = await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${other}`, { name: 'alpha' })
  expect(renamed).toMatchObject({ status: 200, body: { name: 'alpha' } })
  expect(await makeVaultIn(cloud, cloud.a, other)).toMatchObject({ status: 404 })
})

test.each([
  ["target.compartment.name = 'sand'", { prod: 404, sand: 200 }],
  ["target.compartment.name in ('sand', 'x*')", { prod: 404, sand: 200 }],
  ["target.compartment.name != 'prod'", { prod: 404, sand: 200 }],
  ['target.compartment.name = /sand/', { prod: 200, sand: 404 }],
])('nor by one that a condition names, as long as it is no pattern: %s', async (condition, after) => {
  const [prod, sand] = [await makeCompartment(cloud, 'prod'), await makeCompartment(cloud, 'sand')]
  await allowOnly(compartments, `Allow group Administrators to manage vaults in tenancy where ${condition}`)
  const statuses = async () => ({
    prod: (await makeVaultIn(cloud, cloud.a, prod)).status,
    sand: (await makeVaultIn(cloud, cloud.a, sand)).status,
  })
  expect(await statuses()).toEqual({ prod: 404, sand: 200 })
  const rename = async (id: string, name: string) => {
    expect((await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${id}`, { name })).status).toBe(200)
  }
  await rename(sand, 'old')
  await rename(prod, 'sand')
  expect(await statuses()).toEqual(after)
})

test('conditions of stored policies whose names were not bound are bound once, and nothing else of them', async () => {
  const { runtime } = cloud.a
  const [prod, sand] = [await makeCompartment(cloud, 'prod'), await makeCompartment(cloud, 'sand')]
  const sandOnly = "Allow group Administrators to manage vaults in tenancy where target.compartment.name = 'sand'"
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha', sandOnly)
  const { seq, rows } = await tenancyState(runtime, cloud.tenancyId)
  const old = [...rows.values()].flatMap((row) =>
    row.kind === 'policy' && row.bound?.conditions !== undefined
      ? [
          {
            ...row,
            statements: row.statements.map((each) =>
              each.replace(/alpha$/, "alpha where target.compartment.name != 'later'"),
            ),
            bound: { compartments: row.bound.compartments, groups: row.bound.groups },
          },
        ]
      : [],
  )
  expect(old).toHaveLength(1)
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartmentId}`, { name: 'omega' })
  await appendIdentity(runtime, cloud.tenancyId, { after: seq + 1, puts: old })
  await bindStoredPolicies(runtime, cloud.tenancyId)
  const head = await headSeq(runtime, cloud.tenancyId)
  expect(head).toBe(seq + 3)
  await bindStoredPolicies(runtime, cloud.tenancyId)
  expect(await headSeq(runtime, cloud.tenancyId)).toBe(head)
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${sand}`, { name: 'old' })
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${prod}`, { name: 'sand' })
  const status = async (id: string) => (await makeVaultIn(cloud, cloud.a, id)).status
  expect([await status(prod), await status(sand), await status(compartmentId)]).toEqual([404, 200, 200])
  // What was kept out by a name that led nowhere is kept out when somebody makes it.
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartmentId}`, { name: 'later' })
  expect(await status(compartmentId)).toBe(404)
})

test('a refusal tells nobody names that they may not list', async () => {
  await makeCompartment(cloud, 'hidden', compartmentId)
  await allowOnly("Allow group Administrators to inspect groups in tenancy where target.group.name = 'Administrators'")
  const message = async (statement: string) =>
    String((await makePolicyIn(cloud, compartmentId, statement)).body['message'])
  expect(await message('Allow any-user to use keys in compartment none')).toMatch(/none here that you may list\.$/)
  expect(await message('Allow dynamic-group none to use keys in compartment alpha')).toMatch(/that you may list\.$/)
  const ofUsers = "Allow any-user to use keys in compartment alpha where request.user.name = 'none'"
  expect(await message(ofUsers)).toMatch(/that you may list\.$/)
  expect(await message('Allow group none to use keys in compartment alpha')).toMatch(/Known here: Administrators\.$/)
})

test('a policy in a compartment that says the tenancy is refused, for it would grant nothing', async () => {
  const statement = 'Allow group Administrators to use keys in tenancy'
  expect(await makePolicyIn(cloud, compartmentId, statement)).toMatchObject({
    status: 400,
    body: {
      message: `Policy statement 1: a policy in a compartment reaches that compartment and those below it, not the tenancy. Write in compartment id ${compartmentId}, or make the policy in the tenancy.`,
    },
  })
})

test('a statement that names a deleted compartment means none that has its name later', async () => {
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha')
  await deleteCompartment(cloud, compartmentId)
  await cloud.settle()
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 409 })
  expect(await makeVaultIn(cloud, cloud.a, await makeCompartment(cloud, 'alpha'))).toMatchObject({ status: 404 })
})

test('statements are shown as they were written', async () => {
  const statement = 'allow  group administrators to manage vaults in compartment ALPHA'
  const { body } = await makePolicyIn(cloud, cloud.tenancyId, statement)
  expect(body).toMatchObject({ statements: [statement] })
  expect(JSON.stringify(body)).not.toContain('bound')
})

test.each([
  [
    'Allow group Administrators to read keys in compartment beta',
    'the compartment beta is not known. Known here: alpha.',
  ],
  ['Allow group Readers to read keys in tenancy', 'the group Readers is not known. Known here: Administrators.'],
  ['Allow group Other/Administrators to read keys in tenancy', 'the group Administrators is not known.'],
  ['Allow dynamic-group robots to read keys in tenancy', 'the dynamic-group robots is not known.'],
  [
    'Allow any-user to use keys in compartment id ocid1.compartment.oc1..none',
    "the compartment ocid1.compartment.oc1..none at or below the policy's is not known. Known here: alpha",
  ],
  [
    'Allow group id ocid1.group.oc1..none to use keys in tenancy',
    'the group ocid1.group.oc1..none is not known. Known here: Administrators',
  ],
  [
    "Allow any-user to use keys in tenancy where target.vualt.id != 'x'",
    'Policy statement 1, line 1, column 45: target.vualt.id is no variable; did you mean target.vault.id? Known are ',
  ],
  ['Allow service nobody to use keys in tenancy', 'the service nobody is not known. Known here: keymanagementservice,'],
])('a name that is not there is refused: %s', async (statement, message) => {
  expect(await makePolicyIn(cloud, cloud.tenancyId, statement)).toMatchObject({
    status: 400,
    body: { code: 'InvalidParameter', message: expect.stringContaining(message) as unknown },
  })
  await makeCompartment(cloud, 'child', compartmentId)
  const id = String((await makePolicyIn(cloud, cloud.tenancyId)).body['id'])
  const changed = await cloud.call(cloud.a, 'PUT', `/20160918/policies/${id}`, { statements: [statement] })
  expect(changed).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
})

test.each([
  ['Endorse group Administrators to read keys in any-tenancy', 'Endorse is for what groups do in other tenancies'],
  ['Admit group Ops of tenancy Acme to use keys in tenancy', 'Admit is for what groups of other tenancies do here'],
  ['Define tenancy Acme as ocid1.tenancy.oc1..acme', 'Define gives names to Endorse and Admit'],
])('what would change nothing is refused, not taken: %s', async (statement, reason) => {
  const refusal = {
    status: 501,
    body: {
      message: expect.stringContaining(`Policy statement 2: ${reason}, and this service has no access`) as unknown,
    },
  }
  const granting = 'Allow group Administrators to read keys in tenancy'
  const { a, tenancyId } = cloud
  const details = { compartmentId: tenancyId, name: 'two', description: 'd', statements: [granting, statement] }
  expect(await cloud.call(a, 'POST', '/20160918/policies', details)).toMatchObject(refusal)
  const id = String((await makePolicyIn(cloud, tenancyId)).body['id'])
  const { statements } = details
  expect(await cloud.call(a, 'PUT', `/20160918/policies/${id}`, { statements })).toMatchObject(refusal)
})

test.each([
  'Allow service blockstorage, objectstorage-us-phoenix-1, fssoc1prod to use keys in compartment alpha',
  'Allow group Default/Administrators, Administrators to read keys in tenancy',
  'Allow any-user to inspect keys in tenancy',
])('is taken: %s', async (statement) => {
  expect(await makePolicyIn(cloud, cloud.tenancyId, statement)).toMatchObject({ status: 200 })
})

test('a policy that was stored with names only is bound once: from then on they mean what they mean now', async () => {
  const { runtime } = cloud.a
  const statement = 'Allow group Administrators to manage vaults in compartment alpha'
  await allowOnly(compartments, statement)
  const { seq, rows } = await tenancyState(runtime, cloud.tenancyId)
  const old = [...rows.values()].flatMap((row) => (row.kind === 'policy' ? [{ ...row, bound: undefined }] : []))
  await appendIdentity(runtime, cloud.tenancyId, { after: seq, puts: old as unknown as PolicyRow[] })
  // Until then a name means what it means now.
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 200 })
  await bindStoredPolicies(runtime, cloud.tenancyId)
  const head = await headSeq(runtime, cloud.tenancyId)
  await bindStoredPolicies(runtime, cloud.tenancyId)
  expect(await headSeq(runtime, cloud.tenancyId)).toBe(head)
  await cloud.call(cloud.a, 'PUT', `/20160918/compartments/${compartmentId}`, { name: 'omega' })
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 200 })
  expect(await makeVaultIn(cloud, cloud.a, await makeCompartment(cloud, 'alpha'))).toMatchObject({ status: 404 })
})

test('a policy that was stored with a condition that never holds is read, changed and judged as before', async () => {
  const { runtime } = cloud.a
  await allowOnly(compartments, 'Allow group Administrators to manage vaults in compartment alpha')
  const { seq, rows } = await tenancyState(runtime, cloud.tenancyId)
  const statements = [
    "Allow group Administrators to manage vaults in compartment alpha where any {target.vualt.id != 'x', request.region = 'iad'}",
    "Allow group Administrators to manage keys in compartment alpha where target.vualt.id != 'x'",
    'Allow group Administrators to manage policies in tenancy',
  ]
  const old = [...rows.values()].flatMap((row) =>
    row.kind === 'policy' && row.statements.some((each) => each.includes('alpha')) ? [{ ...row, statements }] : [],
  )
  await appendIdentity(runtime, cloud.tenancyId, { after: seq, puts: old })
  expect(await makeVaultIn(cloud, cloud.a, compartmentId)).toMatchObject({ status: 200 })
  const path = `/20160918/policies/${old[0]?.id ?? ''}`
  expect(await cloud.call(cloud.a, 'PUT', path, { description: 'x' })).toMatchObject({ body: { statements } })
  expect(await cloud.call(cloud.a, 'GET', path)).toMatchObject({ body: { statements, description: 'x' } })
  expect(await cloud.call(cloud.a, 'PUT', path, { statements })).toMatchObject({ status: 400 })
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
