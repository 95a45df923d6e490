import fc from 'fast-check'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'
import { keys, requestModels, type Ids, type Members } from './requestModels.ts'

/** Whatever a body or a query says, the answer is a success or a refusal of the contract, never a 500 (contract §7). */

const runs = Number(process.env['PROPERTY_RUNS'] ?? 100)
const codes = new Set([
  'CannotParseRequest',
  'InvalidParameter',
  'MissingParameter',
  'LimitExceeded',
  'NotAuthenticated',
  'NotAuthorizedOrNotFound',
  'NotFound',
  'IncorrectState',
  'Conflict',
  'NoEtagMatch',
  'InvalidatedRetryToken',
  'NotAuthorizedOrResourceAlreadyExists',
  'PayloadTooLarge',
])

let cloud: TestCloud
let ids: Ids
beforeAll(async () => {
  cloud = await twoRegions()
  const vaultId = await makeVault(cloud)
  const key = await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })
  const signing = await makeKey(cloud, vaultId, { keyShape: { algorithm: 'ECDSA', length: 32 } })
  // Made when it is first wanted, also by an import that is refused then.
  await cloud.call(cloud.a, 'GET', '/20180608/wrappingKeys', undefined, { host: vaultId })
  const spareVaultId = await makeVault(cloud)
  const spare = await makeKey(cloud, spareVaultId)
  const { call, a, tenancyId, clock } = cloud
  const here = { compartmentId: tenancyId, description: 'd' }
  const statements = ['Allow group Administrators to read keys in tenancy']
  const policy = await call(a, 'POST', '/20160918/policies', { ...here, name: 'p', statements })
  const compartment = await call(a, 'POST', '/20160918/compartments', { ...here, name: 'c' })
  const user = await call(a, 'POST', '/20160918/users', { ...here, name: 'u' })
  const group = await call(a, 'POST', '/20160918/groups', { ...here, name: 'g' })
  // Those of the models' bodies, and others for what changes them.
  await makeTags(cloud, 'n')
  const changed = await makeTags(cloud, 'changed')
  ids = {
    tenancyId,
    tagNamespaceId: changed.tagNamespaceId,
    tagId: changed.tagId,
    userId: String(user.body['id']),
    groupId: String(group.body['id']),
    now: () => clock.now,
    spareVaultId,
    spareKeyId: String(spare.body['id']),
    policyId: String(policy.body['id']),
    compartmentId: String(compartment.body['id']),
    vaultId,
    keyId: String(key.body['id']),
    signingKeyId: String(signing.body['id']),
    versionId: String(key.body['currentKeyVersion']),
  }
})
afterAll(() => {
  cloud.close()
})

async function makeTags({ call, a, tenancyId }: TestCloud, name: string) {
  const details = { compartmentId: tenancyId, name, description: 'd' }
  const namespace = await call(a, 'POST', '/20160918/tagNamespaces', details)
  const tagNamespaceId = String(namespace.body['id'])
  const path = `/20160918/tagNamespaces/${tagNamespaceId}/tags`
  const tag = await call(a, 'POST', path, { name: 'k', description: 'd' })
  return { tagNamespaceId, tagId: String(tag.body['id']) }
}

const seen = new Map<number, number>()

function nested(depth: number): unknown {
  return depth === 0 ? {} : { a: nested(depth - 1) }
}

/** Odd values of every JSON type. */
const odd = fc.oneof(
  { maxDepth: 3 },
  fc.constantFrom(
    null,
    true,
    false,
    '',
    ' ',
    '\u0000',
    '\ud800',
    'a\udfff',
    '__proto__',
    'é'.repeat(300),
    'x'.repeat(5000),
    nested(300),
    1e308,
    -0,
    0.5,
  ),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom('0000-00-00T00:00:00Z', '9999-12-31T23:59:59Z', '2026-02-30T00:00:00Z', '+275760-09-13T00:00:00Z'),
  fc.jsonValue({ maxDepth: 3 }),
  fc.constant(JSON.parse('{"__proto__":{"a":1},"constructor":[]}') as object),
)

/** A good body in which some members are odd, missing or too many. */
function bodies(good: () => Members): fc.Arbitrary<unknown> {
  const changes = fc.array(fc.tuple(fc.nat(30), fc.option(odd, { nil: undefined, freq: 5 })), { maxLength: 3 })
  const changed = fc
    .tuple(changes, fc.dictionary(fc.string({ maxLength: 8 }), odd, { maxKeys: 2 }))
    .map(([each, more]) => {
      const body: Members = { ...good() }
      const names = Object.keys(body)
      for (const [index, value] of each) body[names[index % Math.max(1, names.length)] ?? 'x'] = value
      return { ...more, ...body }
    })
  return fc.oneof({ weight: 8, arbitrary: changed }, { weight: 1, arbitrary: odd })
}

test.each(requestModels)('%s', async (_name, method, target, good) => {
  await fc.assert(
    fc.asyncProperty(
      bodies(() => good(ids)),
      async (body) => {
        await requireContract(method, target(ids), JSON.stringify(body))
      },
    ),
    { numRuns: runs },
  )
})

test('bytes that are no JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), async (body) => {
      await requireContract('POST', keys, body)
    }),
    { numRuns: runs },
  )
})

const lists: readonly (readonly [string, () => string])[] = [
  ['vaults', () => '/20180608/vaults'],
  ['a vault’s replicas', () => `/20180608/vaults/${ids.vaultId}/actions/listReplicas`],
  ['keys', () => keys],
  ['a key’s versions', () => `${keys}/${ids.keyId}/keyVersions`],
  ['usage', () => '/20180608/usage/keyVersions'],
  ['policies', () => '/20160918/policies'],
  ['compartments', () => '/20160918/compartments'],
  ['users', () => '/20160918/users'],
  ['groups', () => '/20160918/groups'],
  ['memberships', () => '/20160918/userGroupMemberships'],
  ['dynamic groups', () => '/20160918/dynamicGroups'],
  ['work requests', () => '/20160918/workRequests'],
  ['events', () => '/20190901/auditEvents'],
]
const parameters = [
  'compartmentId',
  'limit',
  'page',
  'sortBy',
  'sortOrder',
  'length',
  'from',
  'to',
  'startTime',
  'endTime',
  'name',
  'algorithm',
  'curveId',
  'accessLevel',
  'compartmentIdInSubtree',
  'lifecycleState',
]
const query = fc.array(
  fc.tuple(
    fc.constantFrom(...parameters),
    fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('1', '1001', 'ASC', '2026-01-01', '2026-01-01T00:00:00Z')),
  ),
  { maxLength: 6 },
)

test.each(lists)('the query of the list of %s', async (_name, path) => {
  await fc.assert(
    fc.asyncProperty(query, async (pairs) => {
      const more = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
      await requireContract('GET', `${path()}?${[`compartmentId=${cloud.tenancyId}`, ...more].join('&')}`)
    }),
    { numRuns: runs },
  )
})

const paged: readonly (readonly [string, () => string, object | undefined])[] = [
  ['vaults', () => '/20180608/vaults', { displayName: 'v', vaultType: 'DEFAULT' }],
  ['keys', () => keys, { displayName: 'k', keyShape: { algorithm: 'AES', length: 32 } }],
  ['compartments', () => '/20160918/compartments', { description: 'd' }],
  ['users', () => '/20160918/users', { description: 'd' }],
  ['events', () => '/20190901/auditEvents', undefined],
]

/** The hash inside a token is no secret: whoever has one token makes another that points anywhere. */
test.each(paged)('a forged page token of the list of %s', async (_name, path, details) => {
  const host = path() === keys ? ids.vaultId : 'region'
  for (const name of details === undefined ? [] : ['n1', 'n2']) {
    await cloud.call(cloud.a, 'POST', path(), { compartmentId: ids.tenancyId, name, ...details }, { host })
  }
  const [from, to] = [-1, 1].map((days) => new Date(ids.now() + days * 86_400_000).toISOString())
  const range = details === undefined ? `&startTime=${from ?? ''}&endTime=${to ?? ''}` : '&limit=1'
  const target = `${path()}?compartmentId=${ids.tenancyId}${range}`
  const [list] = await tokenOf(target)
  const place = fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('', '\ud800', '2026-1', 'é'.repeat(3000)))
  await fc.assert(
    fc.asyncProperty(place, async (odd) => {
      const token = Buffer.from(JSON.stringify([list, odd])).toString('base64url')
      await requireContract('GET', `${target}&page=${token}`)
    }),
    { numRuns: runs },
  )
})

async function tokenOf(target: string): Promise<readonly unknown[]> {
  const host = target.startsWith(keys) ? ids.vaultId : 'region'
  // A page of events is 100 long.
  for (let call = 0; call < 101; call += 1) await cloud.call(cloud.a, 'GET', target, undefined, { host })
  const { headers } = await cloud.call(cloud.a, 'GET', target, undefined, { host })
  return JSON.parse(Buffer.from(headers['opc-next-page'] ?? '', 'base64url').toString()) as readonly unknown[]
}

test('any header', async () => {
  const name = fc.constantFrom(
    'opc-retry-token',
    'if-match',
    'opc-request-id',
    'content-md5',
    'opc-client-info',
    'accept',
  )
  const value = fc.oneof(fc.string({ maxLength: 600 }), fc.constantFrom('', '"', 'W/"', '*', 'x'.repeat(129)))
  await fc.assert(
    fc.asyncProperty(fc.dictionary(name, value), async (headers) => {
      const target = `${keys}/${ids.keyId}`
      await requireContract('PUT', target, JSON.stringify({ displayName: 'd' }), headers)
    }),
    { numRuns: runs },
  )
})

test('any path', async () => {
  const segment = fc.oneof(
    fc.constantFrom('20180608', 'keys', 'vaults', 'actions', 'n', '%', '%2F', '..'),
    fc.webSegment(),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(segment, { maxLength: 5 }), async (segments) => {
      await requireContract('GET', `/${segments.join('/')}`)
    }),
    { numRuns: runs },
  )
})

test('requests were both accepted and refused, and none for its signature', () => {
  expect(seen.get(200)).toBeGreaterThan(runs)
  expect(seen.get(400)).toBeGreaterThan(runs)
  expect(seen.has(401)).toBe(false)
})

/** A success, or a refusal of the contract that has written nothing but its audit event. */
async function requireContract(
  method: string,
  target: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<void> {
  const isOfVault = target.startsWith(keys) || /encrypt|decrypt|sign|verify|generate|export/.test(target)
  const host = isOfVault ? (target.includes(ids.spareKeyId) ? ids.spareVaultId : ids.vaultId) : 'region'
  const written: string[] = []
  const detach = cloud.a.store.tables.onCommit((touched) => {
    for (const { table, sk } of touched) if (table !== 'Audit') written.push(`${table} ${sk}`)
  })
  const answer = await cloud.call(cloud.a, method, target, body, { host, headers }).finally(detach)
  expect(answer.headers['opc-request-id']).toMatch(/^.+\/[0-9A-F]{32}$/)
  seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
  if (answer.status < 300) return
  const { code, message, ...more } = answer.body
  expect([typeof message, more, written]).toEqual(['string', {}, []])
  // A service of OCI's that is not offered here.
  if (answer.status === 501 && code === 'MethodNotImplemented') return
  expect([answer.body, codes.has(String(code))]).toEqual([answer.body, true])
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
}
