import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

test('an update of a key sets what is there, leaves the rest, and arrives in the replica', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body: key } = await makeKey(cloud, vaultId)
  const target = `/20180608/keys/${String(key['id'])}`
  const tagged = await cloud.call(
    cloud.a,
    'PUT',
    target,
    { freeformTags: { team: 'red' }, displayName: null },
    { host: vaultId },
  )
  expect(tagged).toMatchObject({
    status: 200,
    body: { displayName: 'key', freeformTags: { team: 'red' }, lifecycleState: 'ENABLED' },
  })
  const named = await cloud.call(
    cloud.a,
    'PUT',
    target,
    { displayName: 'new', definedTags: { ops: { cost: 1 } } },
    { host: vaultId },
  )
  expect(named.body).toMatchObject({
    displayName: 'new',
    freeformTags: { team: 'red' },
    definedTags: { ops: { cost: 1 } },
  })
  await cloud.settle()
  const there = await cloud.call(cloud.b, 'GET', target, undefined, { host: vaultId })
  expect(there.body).toEqual({ ...named.body, isPrimary: false })
  const list = await cloud.call(
    cloud.b,
    'GET',
    `/20180608/keys?compartmentId=${cloud.tenancyId}&sortBy=DISPLAYNAME`,
    undefined,
    { host: vaultId },
  )
  expect(list.list.map(({ displayName }) => displayName)).toEqual(['new'])
})

test('a disabled key can be updated; one with a stale etag, or at the replica, cannot', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body: key, headers } = await makeKey(cloud, vaultId)
  const target = `/20180608/keys/${String(key['id'])}`
  await cloud.call(cloud.a, 'POST', `${target}/actions/disable`, undefined, { host: vaultId })
  expect(await cloud.call(cloud.a, 'PUT', target, { displayName: 'x' }, { host: vaultId })).toMatchObject({
    status: 200,
    body: { lifecycleState: 'DISABLED', displayName: 'x' },
  })
  const stale = { host: vaultId, headers: { 'if-match': headers['etag'] ?? '' } }
  expect(await cloud.call(cloud.a, 'PUT', target, { displayName: 'y' }, stale)).toMatchObject({
    status: 412,
    body: { code: 'NoEtagMatch' },
  })
  await cloud.settle()
  expect(await cloud.call(cloud.b, 'PUT', target, { displayName: 'y' }, { host: vaultId })).toMatchObject({
    status: 409,
    body: { code: 'Conflict' },
  })
})

test('an update of a vault arrives in the replica and keeps the link as it is', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const updated = await cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' })
  expect(updated).toMatchObject({ status: 200, body: { displayName: 'renamed', lifecycleState: 'ACTIVE' } })
  await cloud.settle()
  const there = await cloud.call(cloud.b, 'GET', `/20180608/vaults/${vaultId}`)
  expect(there.body).toMatchObject({
    displayName: 'renamed',
    isPrimary: false,
    replicaDetails: updated.body['replicaDetails'],
  })
  expect(await makeKey(cloud, vaultId)).toMatchObject({ status: 200 })
})

test.each([
  { displayName: '' },
  { displayName: 'x'.repeat(256) },
  { freeformTags: { a: 1 } },
  { definedTags: [] },
  { isAutoRotationEnabled: 'yes' },
])('an update with %o is refused and changes nothing', async (details) => {
  const vaultId = await makeReplicatedVault(cloud)
  const { body: key } = await makeKey(cloud, vaultId)
  const target = `/20180608/keys/${String(key['id'])}`
  expect(await cloud.call(cloud.a, 'PUT', target, details, { host: vaultId })).toMatchObject({
    status: 400,
    body: { code: 'InvalidParameter' },
  })
  expect((await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })).body).toEqual(key)
})
