import { ordinaryAdminPolicy } from '../harness/ordinaryAdminPolicy.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { encrypt, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

test("another tenancy's vault, key and policy answer exactly as ones that do not exist", async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body: key } = await makeKey(cloud, vaultId)
  const keyId = String(key['id'])
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
  const stranger = await cloud.addTenancy()
  await cloud.settle()
  const twin = (id: string) => id.slice(0, -8) + 'aaaaaaaa'
  const calls = (vault: string, of: string) =>
    [
      ['GET', `/20180608/vaults/${vault}`, undefined, 'region'],
      ['GET', `/20180608/vaults/${vault}/actions/listReplicas`, undefined, 'region'],
      ['POST', `/20180608/vaults/${vault}/actions/deleteReplica`, { replicaRegion: 'us-phoenix-1' }, 'region'],
      ['GET', `/20180608/keys/${of}`, undefined, vaultId],
      ['GET', `/20180608/keys/${of}/keyVersions`, undefined, vaultId],
      ['POST', `/20180608/keys/${of}/actions/disable`, undefined, vaultId],
      ['POST', '/20180608/encrypt', { keyId: of, plaintext: 'aGk=' }, vaultId],
      ['POST', '/20180608/decrypt', { keyId: of, ciphertext }, vaultId],
    ] as const
  for (const region of [cloud.a, cloud.b]) {
    const existing = calls(vaultId, keyId)
    const absent = calls(twin(vaultId), twin(keyId))
    for (const [index, [method, target, body, host]] of existing.entries()) {
      const [, absentTarget, absentBody] = absent[index] ?? existing[0]
      const real = await stranger.call(region, method, target, body, { host })
      const unreal = await stranger.call(region, method, absentTarget, absentBody, { host })
      expect([target, real.status, real.body]).toEqual([
        target,
        404,
        { code: 'NotAuthorizedOrNotFound', message: real.body['message'] },
      ])
      expect([real.status, real.body, Object.keys(real.headers)]).toEqual([
        unreal.status,
        unreal.body,
        Object.keys(unreal.headers),
      ])
    }
  }
  const mine = await cloud.call(cloud.a, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })
  expect(mine.body).toMatchObject({ lifecycleState: 'ENABLED' })
})

test('a tenancy sees none of another tenancy in its lists', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const stranger = await cloud.addTenancy()
  const own = await stranger.call(cloud.a, 'GET', `/20180608/vaults?compartmentId=${stranger.tenancyId}`)
  expect([own.status, own.list]).toEqual([200, []])
  const foreign = await stranger.call(cloud.a, 'GET', `/20180608/vaults?compartmentId=${cloud.tenancyId}`)
  expect(foreign.status).toBe(404)
  const keys = await stranger.call(cloud.a, 'GET', `/20180608/keys?compartmentId=${stranger.tenancyId}`, undefined, {
    host: vaultId,
  })
  expect(keys.status).toBe(404)
  const events = await stranger.call(
    cloud.a,
    'GET',
    `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z`,
  )
  expect(events.status).toBe(404)
})

test('a policy grants what it says and no more, in both regions', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body } = await makeKey(cloud, vaultId)
  const policyId = await ordinaryAdminPolicy(cloud)
  const statements = [
    'Allow group Administrators to use keys in tenancy',
    'Allow group Administrators to manage policies in tenancy',
  ]
  const updated = await cloud.call(cloud.a, 'PUT', `/20160918/policies/${policyId}`, { statements })
  expect(updated.body).toMatchObject({ statements })
  await cloud.settle()
  for (const region of [cloud.a, cloud.b]) {
    const used = await cloud.call(
      region,
      'POST',
      '/20180608/encrypt',
      { keyId: body['id'], plaintext: 'aGk=' },
      { host: vaultId },
    )
    expect(used.status).toBe(200)
    const managed = await cloud.call(
      region,
      'POST',
      `/20180608/keys/${String(body['id'])}/actions/disable`,
      undefined,
      { host: vaultId },
    )
    expect(managed).toMatchObject({ status: 404, body: { code: 'NotAuthorizedOrNotFound' } })
  }
})
