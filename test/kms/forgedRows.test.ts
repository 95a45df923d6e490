import { requestSk } from '../../lib/kms/mutation.ts'
import { keySk, vaultSk } from '../../lib/kms/rows/rows.ts'
import { ociServiceLimits } from '../../lib/kms/usage/serviceLimits.ts'
import type { Item, TableName } from '../../lib/ports.ts'
import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** What somebody who can write to the tables, and has no key of the HSM, can make a caller believe: nothing. */

let cloud: TestCloud
let vaultId: string
let keyId: string
beforeEach(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
})
afterEach(() => {
  cloud.close()
})

const tampered = { status: 500, body: { code: 'InternalServerError' } }

async function alter(table: TableName, pk: string, sk: string, change: object): Promise<void> {
  const { tables } = cloud.a.runtime
  const stored = (await tables.get(table, pk, sk)) as Item
  await tables.write([{ op: 'put', table, item: { ...stored, ...change } }])
}

const list = (target: string, host = 'region') => cloud.call(cloud.a, 'GET', target, undefined, { host })
const listVaults = () => list(`/20180608/vaults?compartmentId=${cloud.tenancyId}`)
const listKeys = (of = vaultId) => list(`/20180608/keys?compartmentId=${cloud.tenancyId}`, of)
const listVersions = () => list(`/20180608/keys/${keyId}/keyVersions`, vaultId)

describe.each([
  ['state', { lifecycleState: 'PENDING_DELETION' }],
  ['name', { displayName: 'forged' }],
])('a forged %s', (_, change) => {
  test('of a vault is not listed', async () => {
    await alter('Vaults', vaultId, vaultSk, change)
    expect(await listVaults()).toMatchObject(tampered)
  })

  test('of a key is not listed', async () => {
    await alter('Keys', keyId, keySk, change)
    expect(await listKeys()).toMatchObject(tampered)
  })

  test('of a version is not listed', async () => {
    const { items } = await cloud.a.runtime.tables.query('Keys', keyId, 'version#', { limit: 1 })
    await alter('Keys', keyId, items[0]?.sk ?? '', change)
    expect(await listVersions()).toMatchObject(tampered)
  })
})

describe('what is counted', () => {
  test('of a vault’s usage is only what has the vault’s MAC', async () => {
    await alter('Keys', keyId, keySk, { versionCount: 99 })
    expect(await list(`/20180608/vaults/${vaultId}/usage`)).toMatchObject(tampered)
  })

  test('of service limits is only what has its MAC, so that nobody is locked out by rows made up', async () => {
    cloud.close()
    cloud = await twoRegions({ serviceLimits: { ...ociServiceLimits, virtualVaults: 2, privateVaults: 2 } })
    vaultId = await makeVault(cloud)
    keyId = String((await makeKey(cloud, vaultId)).body['id'])
    const { tables } = cloud.a.runtime
    const stored = (await tables.get('Vaults', vaultId, vaultSk)) as Item
    for (const end of ['aaaa', 'bbbb']) {
      const phantom = `${vaultId.slice(0, -4)}${end}`
      const forged = { ...stored, pk: phantom, id: phantom, byTime: `9#${phantom}`, byName: `9#${phantom}` }
      await tables.write([{ op: 'put', table: 'Vaults', item: forged }])
    }
    const details = { compartmentId: cloud.tenancyId, displayName: 'v', vaultType: 'VIRTUAL_PRIVATE' }
    expect((await cloud.call(cloud.a, 'POST', '/20180608/vaults', details)).status).toBe(200)
    await alter('Keys', keyId, keySk, { versionCount: 99 })
    expect(await makeKey(cloud, vaultId)).toMatchObject(tampered)
  })
})

test('a vault that is only a row in the index is left out, and no place to listen is asked for it', async () => {
  const asked: string[] = []
  const { endpoints, tables } = cloud.a.runtime
  const runtime = {
    ...cloud.a.runtime,
    endpoints: {
      ...endpoints,
      of: async (...call: Parameters<typeof endpoints.of>) => {
        asked.push(call[0].id)
        return endpoints.of(...call)
      },
    },
  }
  const stored = (await tables.get('Vaults', vaultId, vaultSk)) as Item
  const phantom = `${vaultId.slice(0, -4)}aaaa`
  const forged = { ...stored, pk: phantom, id: phantom, byTime: `9#${phantom}`, byName: `9#${phantom}` }
  await tables.write([{ op: 'put', table: 'Vaults', item: forged }])
  const target = `/20180608/vaults?compartmentId=${cloud.tenancyId}`
  const listed = await cloud.call({ ...cloud.a, runtime }, 'GET', target)
  expect(listed).toMatchObject({ status: 200 })
  expect(listed.list.map(({ id }) => id)).toEqual([vaultId])
  expect(asked).toEqual([vaultId])
})

test('a row with its MAC that was put into another listing is not shown there', async () => {
  const other = await makeVault(cloud)
  const { tables } = cloud.a.runtime
  const otherKey = String((await makeKey(cloud, other)).body['id'])
  const own = (await tables.get('Keys', keyId, keySk)) as Item
  await alter('Keys', otherKey, keySk, { gpk: own.gpk })
  expect(await listKeys()).toMatchObject(tampered)
})

test("a vault's row from another compartment is not listed in this one", async () => {
  const { tenancyId, call } = await cloud.addTenancy()
  const details = { compartmentId: tenancyId, displayName: 'theirs', vaultType: 'DEFAULT' }
  const theirs = String((await call(cloud.a, 'POST', '/20180608/vaults', details)).body['id'])
  await alter('Vaults', theirs, vaultSk, { gpk: `vaults#${cloud.tenancyId}` })
  expect(await listVaults()).toMatchObject(tampered)
})

describe("a retry token's row that was altered", () => {
  const headers = { 'opc-retry-token': 'again' }

  /** Makes something with a token and lets the token's row name another thing; then the same call again. */
  async function again(call: () => Promise<Answered>, other: () => Promise<Answered>): Promise<Answered> {
    const written: string[] = []
    const stop = cloud.a.store.tables.onCommit((touched) => {
      for (const { table, pk } of touched) if (table === 'Requests') written.push(pk)
    })
    const first = await call()
    stop()
    expect(first.status).toBe(200)
    const { body, headers: found } = await other()
    await alter('Requests', written[0] ?? '', requestSk, { resourceId: body['id'], etag: found['etag'] })
    return call()
  }

  test("does not give away another tenancy's vault", async () => {
    const { tenancyId, call } = await cloud.addTenancy()
    const make = (as: TestCloud['call'], compartmentId: string, options = {}) =>
      as(cloud.a, 'POST', '/20180608/vaults', { compartmentId, displayName: 'v', vaultType: 'DEFAULT' }, options)
    const answer = await again(
      () => make(cloud.call, cloud.tenancyId, { headers }),
      () => make(call, tenancyId),
    )
    expect(answer).toMatchObject(tampered)
  })

  test.each([
    [
      'CreateKey',
      () => makeKey(cloud, vaultId, { retryToken: 'again' }),
      () => makeKey(cloud, vaultId, { displayName: 'other' }),
    ],
    ['CreatePolicy', () => makePolicy('one', { headers }), () => makePolicy('two')],
    ['CreateCompartment', () => makeCompartment('one', { headers }), () => makeCompartment('two')],
    [
      'DisableKey',
      () =>
        cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/actions/disable`, undefined, { host: vaultId, headers }),
      () => makeKey(cloud, vaultId, { displayName: 'other' }),
    ],
  ] as const)('does not lead %s to another resource', async (_, call, other) => {
    expect(await again(call, other)).toMatchObject(tampered)
  })

  test('left as it is, leads to the first result', async () => {
    const first = await makeKey(cloud, vaultId, { retryToken: 'again' })
    expect((await makeKey(cloud, vaultId, { retryToken: 'again' })).body).toEqual(first.body)
  })
})

function makePolicy(name: string, options = {}): Promise<Answered> {
  const statements = ['Allow group Administrators to read keys in tenancy']
  const details = { compartmentId: cloud.tenancyId, name, description: 'd', statements }
  return cloud.call(cloud.a, 'POST', '/20160918/policies', details, options)
}

function makeCompartment(name: string, options = {}): Promise<Answered> {
  const details = { compartmentId: cloud.tenancyId, name, description: 'd' }
  return cloud.call(cloud.a, 'POST', '/20160918/compartments', details, options)
}
