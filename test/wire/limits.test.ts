import { ociRateLimits } from '../../lib/http/rateLimit.ts'
import { ociServiceLimits } from '../../lib/kms/usage/serviceLimits.ts'
import type { TestCloudOptions } from '../harness/testCloudOptions.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

let cloud: TestCloud
async function open(options: TestCloudOptions): Promise<void> {
  cloud = await twoRegions(options)
}
afterEach(() => {
  cloud.close()
})

const vaults = () => `/20180608/vaults?compartmentId=${cloud.tenancyId}`

describe('rates', () => {
  test('of a class are the tenancy’s own: ten at once, then one every tenth of a second', async () => {
    await open({ rateLimits: ociRateLimits })
    const other = await cloud.addTenancy()
    const statuses: number[] = []
    for (let count = 0; count < 12; count += 1) statuses.push((await cloud.call(cloud.a, 'GET', vaults())).status)
    expect(statuses).toEqual([...Array<number>(10).fill(200), 429, 429])
    const refused = await cloud.call(cloud.a, 'GET', vaults())
    expect(refused).toMatchObject({ status: 429, body: { code: 'TooManyRequests' }, headers: { 'retry-after': '1' } })
    const theirs = `/20180608/vaults?compartmentId=${other.tenancyId}`
    expect((await other.call(cloud.a, 'GET', theirs)).status).toBe(200)
    expect(await makeVault(cloud)).toMatch(/^ocid1\.vault/)
    cloud.clock.now += 100
    expect((await cloud.call(cloud.a, 'GET', vaults())).status).toBe(200)
    expect((await cloud.call(cloud.a, 'GET', vaults())).status).toBe(429)
    cloud.clock.now += 60_000
    expect((await cloud.call(cloud.a, 'GET', vaults())).status).toBe(200)
  })

  test('count what comes at the same time', async () => {
    await open({ rateLimits: ociRateLimits })
    const answers = await Promise.all(Array.from({ length: 40 }, () => cloud.call(cloud.a, 'GET', vaults())))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(10)
    expect(answers.every(({ status }) => status === 200 || status === 429)).toBe(true)
  })

  test('are unlimited unless switched on', async () => {
    await open({})
    for (let count = 0; count < 30; count += 1) expect((await cloud.call(cloud.a, 'GET', vaults())).status).toBe(200)
  })
})

describe('service limits', () => {
  const refusal = { status: 400, body: { code: 'LimitExceeded' } }

  test('of vaults count per type', async () => {
    await open({ serviceLimits: { ...ociServiceLimits, virtualVaults: 2, privateVaults: 1 } })
    const create = (vaultType: string) => {
      const body = { compartmentId: cloud.tenancyId, displayName: 'v', vaultType }
      return cloud.call(cloud.a, 'POST', '/20180608/vaults', body)
    }
    expect((await create('DEFAULT')).status).toBe(200)
    expect((await create('VIRTUAL_PRIVATE')).status).toBe(200)
    expect((await create('DEFAULT')).status).toBe(200)
    expect(await create('DEFAULT')).toMatchObject(refusal)
    expect(await create('VIRTUAL_PRIVATE')).toMatchObject(refusal)
  })

  test('of a virtual vault count versions per protection mode, asymmetric ones twice', async () => {
    await open({ serviceLimits: { ...ociServiceLimits, versionsPerVirtualVault: 3 } })
    const vaultId = await makeVault(cloud, 'DEFAULT')
    const key = await makeKey(cloud, vaultId)
    const rotate = () =>
      cloud.call(cloud.a, 'POST', `/20180608/keys/${String(key.body['id'])}/keyVersions`, {}, { host: vaultId })
    expect((await rotate()).status).toBe(200)
    expect(await makeKey(cloud, vaultId, { keyShape: { algorithm: 'ECDSA', length: 32 } })).toMatchObject(refusal)
    expect((await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })).status).toBe(200)
    expect((await rotate()).status).toBe(200)
    expect(await rotate()).toMatchObject(refusal)
    expect(await makeKey(cloud, vaultId)).toMatchObject(refusal)
  })

  test('of a private vault count both modes together', async () => {
    await open({ serviceLimits: { ...ociServiceLimits, privateVaults: 1, versionsPerPrivateVault: 2 } })
    const vaultId = await makeVault(cloud)
    expect((await makeKey(cloud, vaultId)).status).toBe(200)
    expect((await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })).status).toBe(200)
    expect(await makeKey(cloud, vaultId)).toMatchObject(refusal)
  })
})

test('what OCI has for HSM clusters and external key managers answers 501 to a signed caller, 401 to others', async () => {
  await open({})
  const refused = await cloud.call(cloud.a, 'GET', '/20180608/hsmClusters')
  expect(refused).toMatchObject({ status: 501, body: { code: 'MethodNotImplemented' } })
  expect(await cloud.call(cloud.a, 'POST', '/20180608/ekmsPrivateEndpoints', {})).toMatchObject({ status: 501 })
  const headers = { 'x-content-sha256': 'wrong' }
  const unsigned = await cloud.call(cloud.a, 'POST', '/20180608/hsmClusters', {}, { headers })
  expect(unsigned).toMatchObject({ status: 401, body: { code: 'NotAuthenticated' } })
  expect(await cloud.call(cloud.a, 'DELETE', '/20180608/hsmClusters')).toMatchObject({ status: 405 })
})
