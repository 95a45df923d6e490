import { lifecycle } from '../../lib/kms/rows/lifecycle.ts'
import { GroupedAuditSink } from '../../lib/kms/groupedAuditSink.ts'
import { twoRegions, type Answered, type TestCloud } from '../harness/twoRegions.ts'
import { allowReplication, createReplica, encrypt, makeKey, makeVault } from '../harness/vaultStory.ts'

/** Every cell of contract §4: an operation in a state of its vault, key or version, over the wire. */

const day = 86_400_000
let cloud: TestCloud
beforeAll(async () => {
  cloud = await twoRegions({ isStrict: true })
  await allowReplication(cloud)
})
afterAll(() => {
  cloud.close()
})

interface Subject {
  readonly vaultId: string
  readonly keyId: string
  readonly versionId: string
  readonly ciphertext: unknown
}

function send(
  { vaultId }: Pick<Subject, 'vaultId'>,
  method: string,
  target: string,
  body?: unknown,
): Promise<Answered> {
  return cloud.call(cloud.a, method, target, body, { host: target.includes('/vaults') ? 'region' : vaultId })
}

/** A private vault and a key of two versions; `versionId` is the older one. */
async function subject(more: object = {}): Promise<Subject> {
  const vaultId = await makeVault(cloud)
  const key = await makeKey(cloud, vaultId, more)
  const keyId = String(key.body['id'])
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, keyId)
  await send({ vaultId }, 'POST', `/20180608/keys/${keyId}/keyVersions`, {})
  return { vaultId, keyId, versionId: String(key.body['currentKeyVersion']), ciphertext }
}

const in9Days = () => ({ timeOfDeletion: new Date(cloud.clock.now + 9 * day).toISOString() })
const vaultPath = ({ vaultId }: Subject) => `/20180608/vaults/${vaultId}`
const keyPath = ({ keyId }: Subject) => `/20180608/keys/${keyId}`
const versionPath = (of: Subject) => `${keyPath(of)}/keyVersions/${of.versionId}`

async function destroyed(of: Subject, path: string): Promise<Subject> {
  await send(of, 'POST', `${path}/actions/scheduleDeletion`, {
    timeOfDeletion: new Date(cloud.clock.now + 7 * day).toISOString(),
  })
  cloud.clock.now += 8 * day
  await cloud.runDue()
  return of
}

const after = async (path: (of: Subject) => string, action: string, more: object = {}): Promise<Subject> => {
  const of = await subject(more)
  await send(of, 'POST', `${path(of)}/actions/${action}`, action === 'scheduleDeletion' ? in9Days() : undefined)
  return of
}

/** A key whose creation was not answered: its replica's region is cut off. */
async function creatingKey(more: object): Promise<Subject> {
  const of = await subject()
  await createReplica(cloud, of.vaultId)
  await cloud.settle()
  cloud.link.isUp = false
  const refused = await makeKey(cloud, of.vaultId, more)
  const [, keyId = ''] = /change to (\S+) is/.exec(String(refused.body['message'])) ?? []
  return { ...of, keyId }
}

type Make = (more: object) => Promise<Subject>
const vaultStates = {
  ACTIVE: () => subject(),
  PENDING_DELETION: () => after(vaultPath, 'scheduleDeletion'),
  DELETED: async () => {
    const of = await subject()
    return destroyed(of, vaultPath(of))
  },
} as const satisfies Record<string, Make>
const keyStates = {
  CREATING: creatingKey,
  ENABLED: (more) => subject(more),
  DISABLED: (more) => after(keyPath, 'disable', more),
  PENDING_DELETION: (more) => after(keyPath, 'scheduleDeletion', more),
  DELETED: async (more) => {
    const of = await subject(more)
    return destroyed(of, keyPath(of))
  },
} as const satisfies Record<string, Make>
const versionStates = {
  ENABLED: () => subject(),
  PENDING_DELETION: () => after(versionPath, 'scheduleDeletion'),
  DELETED: async () => {
    const of = await subject()
    return destroyed(of, versionPath(of))
  },
} as const satisfies Record<string, Make>

const plaintext = 'aGVsbG8='
const aes = { algorithm: 'AES', length: 32 }
const backupAs = (objectName: string) => ({
  backupLocation: { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName },
})
const newKey = () => ({ compartmentId: cloud.tenancyId, displayName: 'k', keyShape: aes })
const brought = { keyMaterial: 'AAAA', wrappingAlgorithm: 'RSA_OAEP_SHA256' }
const signing = { message: plaintext, signingAlgorithm: 'ECDSA_SHA_256' }

type Act = (of: Subject) => Promise<Answered>
const post =
  (target: string | ((of: Subject) => string), body: (of: Subject) => unknown = () => undefined): Act =>
  (of) =>
    send(of, 'POST', typeof target === 'string' ? target : target(of), body(of))
const onVault = (action: string, body?: (of: Subject) => unknown) =>
  post((of) => `${vaultPath(of)}/actions/${action}`, body)
const onKey = (action: string, body?: (of: Subject) => unknown) =>
  post((of) => `${keyPath(of)}/actions/${action}`, body)
const onVersion = (action: string, body?: (of: Subject) => unknown) =>
  post((of) => `${versionPath(of)}/actions/${action}`, body)
const here = () => ({ compartmentId: cloud.tenancyId })

const acts: Record<keyof typeof lifecycle.vault | keyof typeof lifecycle.key, Act> = {
  UpdateVault: (of) => send(of, 'PUT', vaultPath(of), { displayName: 'x' }),
  ScheduleVaultDeletion: onVault('scheduleDeletion', in9Days),
  CancelVaultDeletion: onVault('cancelDeletion'),
  ChangeVaultCompartment: onVault('changeCompartment', here),
  BackupVault: onVault('backup', ({ vaultId }) => backupAs(vaultId)),
  CreateVaultReplica: onVault('createReplica', () => ({ replicaRegion: 'us-phoenix-1' })),
  DeleteVaultReplica: onVault('deleteReplica', () => ({ replicaRegion: 'us-phoenix-1' })),
  CreateKey: post('/20180608/keys', newKey),
  ImportKey: post('/20180608/keys/import', () => ({ ...newKey(), wrappedImportKey: brought })),
  GetWrappingKey: (of) => send(of, 'GET', '/20180608/wrappingKeys'),
  UpdateKey: (of) => send(of, 'PUT', keyPath(of), { displayName: 'x' }),
  DisableKey: onKey('disable'),
  EnableKey: onKey('enable'),
  CreateKeyVersion: post(
    (of) => `${keyPath(of)}/keyVersions`,
    () => ({}),
  ),
  ImportKeyVersion: post(
    (of) => `${keyPath(of)}/keyVersions/import`,
    () => ({ wrappedImportKey: brought }),
  ),
  ScheduleKeyDeletion: onKey('scheduleDeletion', in9Days),
  CancelKeyDeletion: onKey('cancelDeletion'),
  ChangeKeyCompartment: onKey('changeCompartment', here),
  BackupKey: onKey('backup', ({ keyId }) => backupAs(keyId)),
  ScheduleKeyVersionDeletion: onVersion('scheduleDeletion', in9Days),
  CancelKeyVersionDeletion: onVersion('cancelDeletion'),
  Encrypt: post('/20180608/encrypt', ({ keyId }) => ({ keyId, plaintext })),
  Decrypt: post('/20180608/decrypt', ({ keyId, ciphertext }) => ({ keyId, ciphertext: ciphertext ?? plaintext })),
  GenerateDataEncryptionKey: post('/20180608/generateDataEncryptionKey', ({ keyId }) => ({
    keyId,
    keyShape: aes,
    includePlaintextKey: false,
  })),
  Sign: post('/20180608/sign', ({ keyId }) => ({ keyId, ...signing })),
  Verify: post('/20180608/verify', ({ keyId, versionId: keyVersionId }) => ({
    keyId,
    keyVersionId,
    signature: plaintext,
    ...signing,
  })),
  ExportKey: post('/20180608/exportKey', ({ keyId }) => ({ keyId, algorithm: 'RSA_OAEP_SHA256', publicKey: 'x' })),
}

/** The kind of key that an operation is for. */
const kinds: Partial<Record<keyof typeof acts, object>> = {
  Sign: { keyShape: { algorithm: 'ECDSA', length: 32 } },
  Verify: { keyShape: { algorithm: 'ECDSA', length: 32 } },
}

const incorrect = { status: 409, body: { code: 'IncorrectState' } }
const absent = { status: 404, body: { code: 'NotAuthorizedOrNotFound' } }

/** Where the state allows it, what is wrong is something else: a blob that does not open, a replica that is not there. */
function isLetThrough({ status, body }: Answered): boolean {
  return status < 300 || ['InvalidParameter', 'NotAuthorizedOrNotFound'].includes(String(body['code']))
}

/** What the cells did, for the audit. */
const tried: { operation: string; id: string; status: number }[] = []

interface Cell {
  readonly operation: keyof typeof acts
  readonly state: string
  readonly make: Make
  readonly isAllowed: boolean
}

function cells(table: Readonly<Record<string, readonly string[]>>, states: Readonly<Record<string, Make>>): Cell[] {
  return Object.entries(table)
    .filter(([operation]) => operation in acts)
    .flatMap(([operation, allowed]) =>
      Object.entries(states).map(([state, make]) => ({
        operation: operation as Cell['operation'],
        state,
        make,
        isAllowed: allowed.includes(state),
      })),
    )
}

describe.each([
  ['vault', cells(lifecycle.vault, vaultStates)],
  ['key', cells(lifecycle.key, keyStates).filter(({ operation }) => operation !== 'CancelKeyVersionDeletion')],
  ['key version', cells(lifecycle.keyVersion, versionStates)],
] as const)('of a %s', (resource, each) => {
  afterEach(() => {
    cloud.link.isUp = true
  })

  test.each(each)('$state: $operation allowed is $isAllowed', async ({ operation, state, make, isAllowed }) => {
    const of = await make(kinds[operation] ?? {})
    // While a key is CREATING a change first completes its creation, which needs the replica.
    if (state === 'CREATING' && isAllowed) cloud.link.isUp = true
    const path = resource === 'vault' ? vaultPath(of) : keyPath(of)
    const { body: before, headers: tag } = await send(of, 'GET', path)
    const answer = await acts[operation](of)
    tried.push({ operation, id: answer.headers['opc-request-id'] ?? '', status: answer.status })
    if (isAllowed) {
      expect([answer.body, isLetThrough(answer)]).toEqual([answer.body, true])
      if (answer.status >= 300) return
      // A change has a new etag.
      const { body: after, headers } = await send(of, 'GET', path)
      if (JSON.stringify(after) !== JSON.stringify(before)) expect(headers['etag']).not.toBe(tag['etag'])
      return
    }
    // While a change of a CREATING key cannot be completed, the answer is that it must be tried again.
    if (state === 'CREATING' && answer.status === 503) return
    expect(answer).toMatchObject(state === 'DELETED' && operation !== 'GetWrappingKey' ? absent : incorrect)
    expect((await send(of, 'GET', path)).body).toEqual(before)
  })
})

test('every state of every table is reached', () => {
  const states = (table: Readonly<Record<string, readonly string[]>>) => new Set(Object.values(table).flat())
  expect(Object.keys(vaultStates)).toEqual(expect.arrayContaining([...states(lifecycle.vault)]))
  expect(Object.keys(keyStates)).toEqual(expect.arrayContaining([...states(lifecycle.key)]))
  expect(Object.keys(versionStates)).toEqual(expect.arrayContaining([...states(lifecycle.keyVersion)]))
})

test('the audit has an event of every call, with its operation and status', async () => {
  const range = 'startTime=1970-01-01T00:00:00Z&endTime=8999-01-01T00:00:00Z'
  const found = new Map<unknown, readonly unknown[]>()
  const { audit } = cloud.a.runtime
  if (audit instanceof GroupedAuditSink) await audit.flush()
  for (let page = ''; ;) {
    const target = `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&${range}${page}`
    const { list, headers } = await cloud.call(cloud.a, 'GET', target)
    for (const { data } of list as unknown as readonly { data: AuditData }[]) {
      found.set(data.request.id, [data.eventName, data.response.status])
    }
    if (headers['opc-next-page'] === undefined) break
    page = `&page=${headers['opc-next-page']}`
  }
  // A change's event is committed with it, before its hand-off: where only that fails, it says 200.
  const expected = tried.map(({ id, operation, status }) => [id, [operation, String(status < 300 ? 200 : status)]])
  expect(tried.map(({ id }) => [id, found.get(id)])).toEqual(expected)
})

interface AuditData {
  readonly eventName: string
  readonly request: { readonly id: string }
  readonly response: { readonly status: string }
}
