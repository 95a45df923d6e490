import fc from 'fast-check'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

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
  'InvalidatedRetryToken',
  'NotAuthorizedOrResourceAlreadyExists',
  'PayloadTooLarge',
])

let cloud: TestCloud
let ids: { vaultId: string; keyId: string; signingKeyId: string; versionId: string }
beforeAll(async () => {
  cloud = await twoRegions()
  const vaultId = await makeVault(cloud)
  const key = await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })
  const signing = await makeKey(cloud, vaultId, { keyShape: { algorithm: 'ECDSA', length: 32 } })
  ids = {
    vaultId,
    keyId: String(key.body['id']),
    signingKeyId: String(signing.body['id']),
    versionId: String(key.body['currentKeyVersion']),
  }
})
afterAll(() => {
  cloud.close()
})

const seen = new Map<number, number>()

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

type Members = Record<string, unknown>

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

const aes = { algorithm: 'AES', length: 32 }
const text = 'aGVsbG8='
const tags = { freeformTags: { a: 'b' }, definedTags: { n: { k: 1 } } }
const named = () => ({ compartmentId: cloud.tenancyId, displayName: 'd', ...tags })
const rotation = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 90 } }
const wrappedImportKey = { keyMaterial: text, wrappingAlgorithm: 'RSA_OAEP_SHA256' }
const inAWeek = () => ({ timeOfDeletion: new Date(cloud.clock.now + 8 * 86_400_000).toISOString() })
const context = { associatedData: { a: 'b' }, loggingContext: { c: 'd' } }
const bucket = { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'o' }
const signing = () => ({
  keyId: ids.signingKeyId,
  message: text,
  messageType: 'RAW',
  signingAlgorithm: 'ECDSA_SHA_256',
})
const policy = () => ({
  ...tags,
  description: 'd',
  statements: ['Allow group g to read keys in tenancy'],
  versionDate: '',
})
const keys = '/20180608/keys'
const key = () => `${keys}/${ids.keyId}`
const vault = () => `/20180608/vaults/${ids.vaultId}`

const models: readonly (readonly [string, 'POST' | 'PUT', () => string, () => Members])[] = [
  ['CreateVaultDetails', 'POST', () => '/20180608/vaults', () => ({ ...named(), vaultType: 'DEFAULT' })],
  ['UpdateVaultDetails', 'PUT', vault, () => ({ displayName: 'd', ...tags })],
  ['CreateVaultReplicaDetails', 'POST', () => `${vault()}/actions/createReplica`, () => ({ replicaRegion: 'x-y-1' })],
  ['DeleteVaultReplicaDetails', 'POST', () => `${vault()}/actions/deleteReplica`, () => ({ replicaRegion: 'x-y-1' })],
  [
    'BackupVaultDetails',
    'POST',
    () => `${vault()}/actions/backup`,
    () => ({ backupLocation: bucket, isIncludeKeys: true }),
  ],
  [
    'ChangeVaultCompartmentDetails',
    'POST',
    () => `${vault()}/actions/changeCompartment`,
    () => ({ compartmentId: cloud.tenancyId }),
  ],
  ['CreateKeyDetails', 'POST', () => keys, () => ({ ...named(), keyShape: aes, protectionMode: 'HSM', ...rotation })],
  ['UpdateKeyDetails', 'PUT', key, () => ({ displayName: 'd', ...tags, ...rotation })],
  ['ImportKeyDetails', 'POST', () => `${keys}/import`, () => ({ ...named(), keyShape: aes, wrappedImportKey })],
  ['ImportKeyVersionDetails', 'POST', () => `${key()}/keyVersions/import`, () => ({ wrappedImportKey })],
  ['BackupKeyDetails', 'POST', () => `${key()}/actions/backup`, () => ({ backupLocation: bucket })],
  [
    'RestoreKeyFromObjectStoreDetails',
    'POST',
    () => `${keys}/actions/restoreFromObjectStore`,
    () => ({ backupLocation: bucket }),
  ],
  [
    'ScheduleKeyVersionDeletionDetails',
    'POST',
    () => `${key()}/keyVersions/${ids.versionId}/actions/scheduleDeletion`,
    inAWeek,
  ],
  ['ScheduleKeyDeletionDetails', 'POST', () => `${keys}/${ids.vaultId}/actions/scheduleDeletion`, inAWeek],
  ['EncryptDataDetails', 'POST', () => '/20180608/encrypt', () => ({ keyId: ids.keyId, plaintext: text, ...context })],
  ['DecryptDataDetails', 'POST', () => '/20180608/decrypt', () => ({ keyId: ids.keyId, ciphertext: text, ...context })],
  [
    'GenerateKeyDetails',
    'POST',
    () => '/20180608/generateDataEncryptionKey',
    () => ({ keyId: ids.keyId, includePlaintextKey: true, keyShape: aes, ...context }),
  ],
  ['SignDataDetails', 'POST', () => '/20180608/sign', signing],
  [
    'VerifyDataDetails',
    'POST',
    () => '/20180608/verify',
    () => ({ ...signing(), keyVersionId: ids.versionId, signature: text }),
  ],
  [
    'ExportKeyDetails',
    'POST',
    () => '/20180608/exportKey',
    () => ({ keyId: ids.keyId, algorithm: 'RSA_OAEP_SHA256', publicKey: 'x' }),
  ],
  [
    'CreatePolicyDetails',
    'POST',
    () => '/20160918/policies',
    () => ({ compartmentId: cloud.tenancyId, name: 'n', ...policy() }),
  ],
  [
    'CreateCompartmentDetails',
    'POST',
    () => '/20160918/compartments',
    () => ({ compartmentId: cloud.tenancyId, name: 'n', description: 'd', ...tags }),
  ],
]

test.each(models)(
  '%s',
  async (_name, method, target, good) => {
    await fc.assert(
      fc.asyncProperty(bodies(good), async (body) => {
        await requireContract(method, target(), JSON.stringify(body))
      }),
      { numRuns: runs },
    )
  },
  60_000,
)

test('bytes that are no JSON', async () => {
  await fc.assert(
    fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 60 }), async (body) => {
      await requireContract('POST', keys, body)
    }),
    { numRuns: runs },
  )
})

const lists = [
  '/20180608/vaults',
  keys,
  '/20180608/usage/keyVersions',
  '/20160918/policies',
  '/20160918/compartments',
  '/20190901/auditEvents',
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
]
const query = fc.array(
  fc.tuple(
    fc.constantFrom(...parameters),
    fc.oneof(fc.string({ maxLength: 20 }), fc.constantFrom('1', '1001', 'ASC', '2026-01-01', '2026-01-01T00:00:00Z')),
  ),
  { maxLength: 6 },
)

test.each(lists)(
  'the query of %s',
  async (path) => {
    await fc.assert(
      fc.asyncProperty(query, async (pairs) => {
        const more = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
        await requireContract('GET', `${path}?${[`compartmentId=${cloud.tenancyId}`, ...more].join('&')}`)
      }),
      { numRuns: runs },
    )
  },
  60_000,
)

test('any path', async () => {
  const segment = fc.oneof(fc.constantFrom('20180608', 'keys', 'vaults', 'actions', '%', '%2F', '..'), fc.webSegment())
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

async function requireContract(method: string, target: string, body?: string): Promise<void> {
  const host =
    target.startsWith(keys) || /encrypt|decrypt|sign|verify|generate|export/.test(target) ? ids.vaultId : 'region'
  const answer = await cloud.call(cloud.a, method, target, body, { host })
  expect(answer.headers['opc-request-id']).toMatch(/^.+\/[0-9A-F]{32}$/)
  seen.set(answer.status, (seen.get(answer.status) ?? 0) + 1)
  if (answer.status < 300) return
  expect([answer.body, codes.has(String(answer.body['code']))]).toEqual([answer.body, true])
  expect(answer.status).toBeGreaterThanOrEqual(400)
  expect(answer.status).toBeLessThan(500)
}
