import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** Input that is well formed and still unusual: it means what it says, or it is refused. */

let cloud: TestCloud
let vaultId: string
beforeAll(async () => {
  cloud = await twoRegions()
  vaultId = await makeVault(cloud)
})
afterAll(() => {
  cloud.close()
})

const refused = { status: 400, body: { code: 'InvalidParameter' } }

function send(method: string, target: string, body?: unknown): Promise<Answered> {
  return cloud.call(cloud.a, method, target, body, { host: target.includes('/20180608/vaults') ? 'region' : vaultId })
}

describe.each(['__proto__', 'prototype', 'constructor'])('the name %s', (name) => {
  const map = JSON.parse(`{"${name}":"x"}`) as object

  test('does not get lost from associatedData: it is refused', async () => {
    const { body: key } = await makeKey(cloud, vaultId)
    const details = { keyId: key['id'], plaintext: 'aGVsbG8=', associatedData: map }
    expect(await send('POST', '/20180608/encrypt', details)).toMatchObject(refused)
  })

  test('does not get lost from tags: it is refused', async () => {
    const { body: key } = await makeKey(cloud, vaultId)
    const target = `/20180608/keys/${String(key['id'])}`
    expect(await send('PUT', target, { freeformTags: map })).toMatchObject(refused)
    expect(await send('PUT', target, { definedTags: JSON.parse(`{"${name}":{}}`) as object })).toMatchObject(refused)
  })
})

describe('a number in a defined tag', () => {
  const change = async (number: string) => {
    const { body: key } = await makeKey(cloud, vaultId)
    // As text: a number like these would be another one before it is sent.
    return send('PUT', `/20180608/keys/${String(key['id'])}`, `{"definedTags":{"ops":{"cost":${number}}}}`)
  }

  test.each(['9007199254740993', '-9007199254740993', '1e21', '123456789012345678901234567890'])(
    '%s cannot be given back as it came: it is refused',
    async (number) => {
      expect(await change(number)).toMatchObject(refused)
    },
  )

  test.each(['9007199254740991', '-9007199254740991', '0.5', '0'])('%s is kept', async (number) => {
    expect(await change(number)).toMatchObject({
      status: 200,
      body: { definedTags: { ops: { cost: Number(number) } } },
    })
  })
})

test.each([198, 199, 253])('a name with an emoji after %i letters is listed', async (letters) => {
  const displayName = `${'x'.repeat(letters)}\u{1f511}`
  const own = await makeVault(cloud)
  const at = { host: own }
  const first = await makeKey(cloud, own, { displayName })
  const second = await makeKey(cloud, own, { displayName })
  expect(first).toMatchObject({ status: 200, body: { displayName } })
  const target = `/20180608/keys?compartmentId=${cloud.tenancyId}&sortBy=DISPLAYNAME&limit=1`
  const page = await cloud.call(cloud.a, 'GET', target, undefined, at)
  const token = page.headers['opc-next-page'] ?? ''
  const next = await cloud.call(cloud.a, 'GET', `${target}&page=${token}`, undefined, at)
  const ids = [...page.list, ...next.list].map(({ id }) => id)
  expect(new Set(ids)).toEqual(new Set([first.body['id'], second.body['id']]))
})

describe('ListEvents', () => {
  const list = (startTime: string, endTime: string) =>
    cloud.call(
      cloud.a,
      'GET',
      `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&startTime=${startTime}&endTime=${endTime}`,
    )

  test('of all time there is finds what happened', async () => {
    const { status, list: events } = await list('1970-01-01T00:00:00Z', '8999-12-31T23:59:59Z')
    expect(status).toBe(200)
    expect(events.length).toBeGreaterThan(0)
  })

  test.each([
    ['0000-01-01T00:00:00Z', '2026-01-01T00:00:00Z'],
    ['2026-01-01T00:00:00Z', '9999-12-31T23:59:59Z'],
    ['9999-12-31T23:59:59-14:00', '9999-12-31T23:59:59Z'],
  ])('from %s to %s is refused', async (startTime, endTime) => {
    expect(await list(startTime, endTime)).toMatchObject(refused)
  })
})

test.each(['page=x', 'sortBy=SIZE', 'sortOrder=UP', 'limit=0'])(
  'a list of replicas by %s is refused',
  async (query) => {
    expect(await send('GET', `/20180608/vaults/${vaultId}/actions/listReplicas?${query}`)).toMatchObject(refused)
  },
)
