import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** One signature is one call, sent by an honest client or by whoever has captured it. */

let cloud: TestCloud
let vaultId: string
/** When the captured call was signed; a second of its own for each test. */
let signedAt = 0
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
})
beforeEach(() => {
  cloud.clock.now = Math.ceil(cloud.clock.now / 1000) * 1000 + 10_000
  signedAt = cloud.clock.now
})
afterAll(() => {
  cloud.close()
})

const at = () => ({ host: vaultId, signedAt })

/** The same message each time, apart from the headers that nobody signs. */
function createKey(headers: Record<string, string> = {}, host = vaultId): Promise<Answered> {
  const keyShape = { algorithm: 'AES', length: 32 }
  const body = { compartmentId: cloud.tenancyId, displayName: 'key', keyShape }
  return cloud.call(cloud.a, 'POST', '/20180608/keys', body, { ...at(), host, headers })
}

function act(keyId: unknown, action: string, headers: Record<string, string> = {}): Promise<Answered> {
  const target = `/20180608/keys/${String(keyId)}/actions/${action}`
  return cloud.call(cloud.a, 'POST', target, undefined, { ...at(), headers })
}

const stateOf = async (keyId: unknown) =>
  (await cloud.call(cloud.a, 'GET', `/20180608/keys/${String(keyId)}`, undefined, { host: vaultId })).body[
    'lifecycleState'
  ]

const idsOf = (answers: readonly Answered[]) => new Set(answers.map(({ body }) => body['id']))

describe('calls within two seconds', () => {
  test('that share a request id are separate, one after the other and at the same time', async () => {
    const trace = { 'opc-request-id': 'trace' }
    const inTurn: Answered[] = []
    for (let call = 0; call < 5; call += 1) inTurn.push(await createKey(trace))
    const atOnce = await Promise.all(Array.from({ length: 5 }, () => createKey(trace)))
    expect([...inTurn, ...atOnce].map(({ status }) => status)).toEqual(Array(10).fill(200))
    expect(idsOf([...inTurn, ...atOnce]).size).toBe(10)
  })

  test('without any id, or with tokens of their own, are separate too', async () => {
    const answers = await Promise.all([
      createKey(),
      createKey(),
      ...['a', 'b', 'c'].map((token) => createKey({ 'opc-retry-token': `own ${token}` })),
    ])
    expect(idsOf(answers).size).toBe(5)
  })

  test('with one retry token are one', async () => {
    const answers = await Promise.all(Array.from({ length: 5 }, () => createKey({ 'opc-retry-token': 'one' })))
    expect(idsOf([...answers, await createKey({ 'opc-retry-token': 'one' })]).size).toBe(1)
  })

  test('that change one thing at the same time are all served', async () => {
    const { body: key } = await makeKey(cloud, vaultId)
    const rename = () => cloud.call(cloud.a, 'PUT', `/20180608/keys/${String(key['id'])}`, { displayName: 'new' }, at())
    const answers = await Promise.all([rename(), rename(), rename()])
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200])
  })
})

describe('a copy that comes later', () => {
  const unsigned: readonly (readonly [string, Record<string, string>])[] = [
    ['as it was', {}],
    ['under another request id', { 'opc-request-id': 'other' }],
    ['with a retry token', { 'opc-retry-token': 'new' }],
    ['with another if-match', { 'if-match': '*' }],
  ]
  const firsts: readonly (readonly [string, Record<string, string>])[] = [
    ['without a token', {}],
    ['with a token', { 'opc-retry-token': 'first' }],
  ]
  const cases = firsts.flatMap(([first, given]) => unsigned.map(([copy, headers]) => ({ first, given, copy, headers })))

  test.each(cases)('$copy makes no second key, and shows the one that was made $first', async ({ given, headers }) => {
    const token = given['opc-retry-token']
    const own: Record<string, string> = token === undefined ? {} : { 'opc-retry-token': `${token} ${signedAt}` }
    const [first, second] = [await createKey(own), await createKey()]
    for (const later of [2500, 60_000, 299_000]) {
      cloud.clock.now = signedAt + later
      const copy = await createKey(headers)
      expect(copy.status).toBe(200)
      expect(copy.body).toEqual(first.body)
    }
    expect(first.body['id']).not.toBe(second.body['id'])
  })

  test.each(unsigned)('%s does not enable a key that was disabled since', async (_, headers) => {
    const { body: key } = await makeKey(cloud, vaultId)
    const keyId = key['id']
    await act(keyId, 'disable')
    expect(await act(keyId, 'enable')).toMatchObject({ status: 200 })
    cloud.clock.now += 3000
    await cloud.call(cloud.a, 'POST', `/20180608/keys/${String(keyId)}/actions/disable`, undefined, { host: vaultId })
    expect(await act(keyId, 'enable', headers)).toMatchObject({ status: 409, body: { code: 'InvalidatedRetryToken' } })
    expect(await stateOf(keyId)).toBe('DISABLED')
  })

  test('counts from the first: one in between does not lengthen the two seconds', async () => {
    const first = await createKey()
    cloud.clock.now = signedAt + 1500
    expect((await createKey()).body['id']).not.toBe(first.body['id'])
    cloud.clock.now = signedAt + 3000
    expect((await createKey()).body['id']).toBe(first.body['id'])
  })

  test('is refused once its date is out of range', async () => {
    await createKey()
    cloud.clock.now = signedAt + 301_000
    expect(await createKey()).toMatchObject({ status: 401 })
  })

  test('of a vault, a version, a policy and an update shows what the first brought about', async () => {
    const { body: key } = await makeKey(cloud, vaultId)
    const { tenancyId } = cloud
    const target = `/20180608/keys/${String(key['id'])}`
    const policy = {
      compartmentId: tenancyId,
      name: 'twice',
      description: 'd',
      statements: ['Allow any-user to inspect keys in tenancy'],
    }
    const calls = [
      () =>
        cloud.call(
          cloud.a,
          'POST',
          '/20180608/vaults',
          { compartmentId: tenancyId, displayName: 'v', vaultType: 'DEFAULT' },
          { signedAt },
        ),
      () => cloud.call(cloud.a, 'POST', `${target}/keyVersions`, {}, at()),
      () => cloud.call(cloud.a, 'POST', '/20160918/policies', policy, { signedAt }),
      () => cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'renamed' }, { signedAt }),
    ]
    for (const call of calls) {
      signedAt = cloud.clock.now
      const first = await call()
      expect(first.status).toBe(200)
      cloud.clock.now += 3000
      const copy = await call()
      expect(copy).toMatchObject({ status: 200, body: first.body })
      expect(copy.headers['etag']).toBe(first.headers['etag'])
    }
  })
})

/** docs/security.md says so. */
test('a copy of a call that was refused is judged as the state is then', async () => {
  const { body } = await createKey()
  expect((await act(body['id'], 'enable')).status).toBe(409)
  await cloud.call(cloud.a, 'POST', `/20180608/keys/${String(body['id'])}/actions/disable`, undefined, {
    host: vaultId,
  })
  cloud.clock.now += 3000
  expect((await act(body['id'], 'enable')).status).toBe(200)
})

test('one retry token in two vaults is refused in the second, and no sign of a manipulation', async () => {
  const other = await makeVault(cloud)
  const token = { 'opc-retry-token': 'two vaults' }
  await createKey(token)
  expect(await createKey(token, other)).toMatchObject({ status: 409, body: { code: 'InvalidatedRetryToken' } })
})

test('versions have times that increase, also where rotations race and the clock stands', async () => {
  const { body: key } = await makeKey(cloud, vaultId)
  const keyId = String(key['id'])
  const target = `/20180608/keys/${keyId}/keyVersions`
  const rotate = () => cloud.call(cloud.a, 'POST', target, {}, { host: vaultId })
  for (let round = 0; round < 5; round += 1) {
    const before = cloud.clock.now
    const rotated = Promise.all([rotate(), rotate(), rotate(), rotate()])
    cloud.clock.now = before - 1000
    await rotated
  }
  const { list } = await cloud.call(cloud.a, 'GET', `${target}?limit=1000`, undefined, { host: vaultId })
  const { body } = await cloud.call(cloud.a, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })
  expect(new Set(list.map(({ timeCreated }) => timeCreated)).size).toBe(list.length)
  expect(list.length).toBeGreaterThan(5)
  expect(list[0]?.['id']).toBe(body['currentKeyVersion'])
})
