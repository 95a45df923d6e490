import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** Values as callers write them: Oracle's own spellings are taken, and what nobody can read is refused. */

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
  const isKeys = /^\/20180608\/(keys|encrypt|decrypt|generate)/.test(target)
  return cloud.call(cloud.a, method, target, body, { host: isKeys ? vaultId : 'region' })
}

const createKey = (details: object) =>
  send('POST', '/20180608/keys', {
    compartmentId: cloud.tenancyId,
    displayName: 'k',
    keyShape: { algorithm: 'AES', length: 32 },
    ...details,
  })

describe('a number', () => {
  test.each([16, '16', 16.0])('%j is a key’s length of 16 bytes', async (length) => {
    const answer = await createKey({ keyShape: { algorithm: 'AES', length } })
    expect(answer).toMatchObject({ status: 200, body: { keyShape: { algorithm: 'AES', length: 16 } } })
  })

  test.each([
    '256',
    '32 ',
    ' 32',
    '',
    '0x20',
    '3.2e1',
    '32.0',
    '+32',
    '032',
    '-32',
    '１６',
    32.5,
    null,
    true,
    [32],
    {},
  ])('%j is no length of an AES key', async (length) => {
    expect(await createKey({ keyShape: { algorithm: 'AES', length } })).toMatchObject({ status: 400 })
  })

  test('of an RSA key, of a data key and of an imported key may be a text as well', async () => {
    const rsa = await createKey({ keyShape: { algorithm: 'RSA', length: '256' } })
    expect(rsa).toMatchObject({ status: 200, body: { keyShape: { length: 256 } } })
    const { body: key } = await createKey({})
    const details = { keyId: key['id'], includePlaintextKey: true, keyShape: { algorithm: 'AES', length: '32' } }
    const { body } = await send('POST', '/20180608/generateDataEncryptionKey', details)
    expect(Buffer.from(String(body['plaintext']), 'base64')).toHaveLength(32)
    const wrappedImportKey = { keyMaterial: 'AAAA', wrappingAlgorithm: 'RSA_OAEP_SHA256' }
    const imported = await send('POST', '/20180608/keys/import', {
      compartmentId: cloud.tenancyId,
      displayName: 'k',
      keyShape: { algorithm: 'AES', length: '32' },
      wrappedImportKey,
    })
    expect(imported.body['message']).not.toContain('length')
  })

  test('of days between rotations may be a text, and nothing else', async () => {
    const rotation = (rotationIntervalInDays: unknown) =>
      createKey({ isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays } })
    const { status, body } = await rotation('90')
    expect({ status, days: body['autoKeyRotationDetails'] }).toMatchObject({
      status: 200,
      days: { rotationIntervalInDays: 90 },
    })
    for (const wrong of ['59', '366', '90.5', 'ninety', '9e1', 90.5])
      expect(await rotation(wrong)).toMatchObject(refused)
  })
})

const noTimes = [
  '2026-02-30T00:00:00Z',
  '2026-04-31T00:00:00Z',
  '2025-02-29T00:00:00Z',
  '2100-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-01-00T00:00:00Z',
  '2026-01-32T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01T00:60:00Z',
  '2026-01-01T00:00:00+24:00',
  '2026-01-01T00:00:00Z and more',
  '2026-01-01',
]
const time = encodeURIComponent

describe.each(noTimes)('the time %j', (text) => {
  test('is refused for a deletion, for a rotation’s start and by the audit’s filters', async () => {
    const { body: key } = await makeKey(cloud, vaultId)
    const target = `/20180608/keys/${String(key['id'])}`
    expect(await send('POST', `${target}/actions/scheduleDeletion`, { timeOfDeletion: text })).toMatchObject(refused)
    const rotation = { rotationIntervalInDays: 90, timeOfScheduleStart: text }
    expect(await send('PUT', target, { autoKeyRotationDetails: rotation })).toMatchObject(refused)
    const events = (start: string, end: string) =>
      send(
        'GET',
        `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&startTime=${time(start)}&endTime=${time(end)}`,
      )
    expect(await events(text, '2027-01-01T00:00:00Z')).toMatchObject(refused)
    expect(await events('2020-01-01T00:00:00Z', text)).toMatchObject(refused)
  })
})

test.each(['2026-02-30', '2025-02-29', '2026-13-01', '2026-1-1', '2026-01-01x', ''])(
  'the day %j is refused by the usage of key versions',
  async (day) => {
    const usage = (from: string, to: string) => send('GET', `/20180608/usage/keyVersions?from=${from}&to=${to}`)
    expect(await usage(day, '2026-12-31')).toMatchObject({ status: 400 })
    expect(await usage('2026-01-01', day)).toMatchObject({ status: 400 })
  },
)

describe('a policy’s versionDate', () => {
  const policy = (name: string, details: object) => ({
    compartmentId: cloud.tenancyId,
    name,
    description: 'd',
    statements: ['Allow group Administrators to manage vaults in tenancy'],
    ...details,
  })

  test.each(['2026-02-30', '2026-13-01', '2026-01-01 or so', '2026-02-30T00:00:00Z', 'today', 20260101])(
    '%j is refused, and the list of policies stays readable',
    async (versionDate) => {
      expect(await send('POST', '/20160918/policies', policy('bad', { versionDate }))).toMatchObject(refused)
      const { list } = await send('GET', `/20160918/policies?compartmentId=${cloud.tenancyId}`)
      expect(list.map(({ name }) => name)).not.toContain('bad')
    },
  )

  test.each([
    ['2028-02-29', '2028-02-29'],
    ['2028-02-29T00:00:00+00:00', '2028-02-29'],
    ['', null],
    [null, null],
  ])('%j is %j', async (versionDate, shown) => {
    const made = await send(
      'POST',
      '/20160918/policies',
      policy(`p ${String(versionDate).replace(/[:+]/g, '')}`, { versionDate }),
    )
    expect(made).toMatchObject({ status: 200, body: { versionDate: shown } })
    expect(
      await send('PUT', `/20160918/policies/${String(made.body['id'])}`, { versionDate: '2027-02-29' }),
    ).toMatchObject(refused)
  })

  test('a date that does not exist is refused in a condition', async () => {
    for (const text of ["before '2026-02-30T00:00:00Z'", "after '2026-02-30'", ".time-of-day before '24:00:00Z'"]) {
      const statements = [
        `Allow any-user to inspect keys in tenancy where request.utc-timestamp${text.startsWith('.') ? '' : ' '}${text}`,
      ]
      expect(await send('POST', '/20160918/policies', policy('when', { statements }))).toMatchObject(refused)
    }
  })
})

describe('defined tags', () => {
  test.each([{ Ops: { Cost: '1' }, ops: { other: '2' } }, { Ops: { Cost: '1', COST: '2' } }])(
    '%j, which differ only in case, are one tag: refused',
    async (definedTags) => {
      expect(await createKey({ definedTags })).toMatchObject(refused)
      const { body: key } = await createKey({ definedTags: { Ops: { Cost: '1' } } })
      expect(key['definedTags']).toEqual({ Ops: { Cost: '1' } })
      expect(await send('PUT', `/20180608/keys/${String(key['id'])}`, { definedTags })).toMatchObject(refused)
      const vault = { compartmentId: cloud.tenancyId, displayName: 'v', vaultType: 'DEFAULT', definedTags }
      expect(await send('POST', '/20180608/vaults', vault)).toMatchObject(refused)
    },
  )
})

describe('a name', () => {
  const keys = String.fromCodePoint(0x1f511)

  test('counts characters, an emoji being one', async () => {
    expect(await createKey({ displayName: keys.repeat(255) })).toMatchObject({ status: 200 })
    expect(await createKey({ displayName: keys.repeat(256) })).toMatchObject(refused)
    expect(await createKey({ freeformTags: { [keys.repeat(100)]: keys.repeat(256) } })).toMatchObject({ status: 200 })
    expect(await createKey({ freeformTags: { [keys.repeat(101)]: '' } })).toMatchObject(refused)
    expect(await createKey({ freeformTags: { a: keys.repeat(257) } })).toMatchObject(refused)
  })

  test.each([0, 9, 10, 13, 27, 127, 128, 155, 159])('with the control character %i is refused', async (code) => {
    const name = `a${String.fromCharCode(code)}b`
    expect(await createKey({ displayName: name })).toMatchObject(refused)
    expect(await createKey({ freeformTags: { [name]: 'v' } })).toMatchObject(refused)
    expect(await createKey({ definedTags: { [name]: { k: 'v' } } })).toMatchObject(refused)
    expect(await createKey({ definedTags: { ns: { [name]: 'v' } } })).toMatchObject(refused)
    const vault = { compartmentId: cloud.tenancyId, displayName: name, vaultType: 'DEFAULT' }
    expect(await send('POST', '/20180608/vaults', vault)).toMatchObject(refused)
  })
})

describe('a deeply nested body', () => {
  test.each(['', '\\ud800'])('is refused, also with half a surrogate pair in it (%j)', async (text) => {
    const deep = `${'[['.repeat(6_000)}"${text}"${']]'.repeat(6_000)}`
    const shallow = JSON.stringify({ compartmentId: cloud.tenancyId, displayName: 'k', vaultType: 'DEFAULT' })
    const body = `${shallow.slice(0, -1)},"more":${deep}}`
    expect(await send('POST', '/20180608/vaults', body)).toMatchObject(refused)
  })

  test.each(['/20180608/keys/actions/restoreFromFile', '/20180608/vaults/actions/restoreFromFile'])(
    'is no backup: %s',
    async (target) => {
      const format = target.includes('keys') ? 'vaultspan/key-backup/1' : 'vaultspan/vault-backup/1'
      const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
      const saved = `{"key":{"compartmentId":"${cloud.tenancyId}"},"versions":[]}`
      const body = `{"format":"${format}","mac":"AAAA","tenancyId":"${cloud.tenancyId}","vaultId":"${vaultId}","saved":${saved},"more":${deep}}`
      const query = target.includes('keys') ? '' : `?compartmentId=${cloud.tenancyId}`
      expect(await send('POST', `${target}${query}`, body)).toMatchObject({ status: 400 })
    },
  )
})

describe('a request’s date', () => {
  const list = (signedAt: number, headers = {}) =>
    cloud.call(cloud.a, 'GET', `/20180608/vaults?compartmentId=${cloud.tenancyId}`, undefined, { signedAt, headers })

  test.each([-600_000, 600_000])('%i ms away is refused, with both times and the range', async (skew) => {
    const signedAt = cloud.clock.now + skew
    const { status, body } = await list(signedAt)
    expect(status).toBe(401)
    expect(body['code']).toBe('NotAuthenticated')
    for (const part of [
      new Date(signedAt).toUTCString(),
      new Date(cloud.clock.now).toUTCString(),
      '5 minutes',
      'clock',
    ])
      expect(body['message']).toContain(part)
  })

  test('four minutes away is served', async () => {
    expect(await list(cloud.clock.now - 240_000)).toMatchObject({ status: 200 })
  })

  test('is told to nobody who cannot sign', async () => {
    const signedAt = cloud.clock.now - 600_000
    const { status, body } = await list(signedAt, { date: new Date(signedAt - 1000).toUTCString() })
    expect(status).toBe(401)
    expect(body['message']).toBe(
      'The required information to complete authentication was not provided or was incorrect.',
    )
  })
})

test('no answer may be kept by a cache', async () => {
  const answers = [
    await createKey({}),
    await send('GET', '/20180608/nothing'),
    await send('POST', '/20180608/decrypt', { keyId: 'x' }),
    await cloud.call(cloud.a, 'GET', '/20180608/vaults', undefined, { signedAt: 0 }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 404, 400, 401])
  for (const { headers } of answers)
    expect(headers['cache-control']).toBe('no-cache, no-store, no-transform, must-revalidate')
})
