import { addUser } from '../../harness/addUser.ts'
import { makeCompartment } from '../../harness/compartmentStory.ts'
import type { Answered, Call } from '../../harness/signedCall.ts'
import { regionB } from '../../harness/twoRegions.ts'
import { makeKey, makeVault } from '../../harness/vaultStory.ts'
import { openStage, withoutId, type Case, type Stage } from './stage.ts'

/**
 * Why a resource is refused: the log says it, and the answer is byte for byte the one for what is not there, so that nobody
 * who may not know learns whether a thing is absent or forbidden.
 */

const day = 86_400_000
let stage: Stage
let nobody: Call
let replicator: Call
const ids: Record<string, string> = {}

beforeAll(async () => {
  stage = await openStage()
  nobody = await addUser(stage.cloud, 'Nobodies', ['Allow group Nobodies to inspect buckets in tenancy'])
  replicator = await addUser(stage.cloud, 'Replicators', ['Allow group Replicators to {VAULT_REPLICATE} in tenancy'])
  const vaults = [await makeVault(stage.cloud), await makeVault(stage.cloud), await makeVault(stage.cloud)]
  const [vault = '', other = '', doomed = ''] = vaults
  const key = (await makeKey(stage.cloud, vault)).body
  const second = (await makeKey(stage.cloud, vault)).body
  const deleted = (await makeKey(stage.cloud, vault)).body
  Object.assign(ids, { vault, other, doomed, key: key['id'], second: second['id'], deleted: deleted['id'] })
  Object.assign(ids, { version: key['currentKeyVersion'] })
  await post(`/20180608/keys/${ids['key']}/keyVersions`)
  const timeOfDeletion = new Date(stage.cloud.clock.now + 7 * day + 60_000).toISOString()
  await post(`/20180608/keys/${ids['key']}/keyVersions/${ids['version']}/actions/scheduleDeletion`, { timeOfDeletion })
  await post(`/20180608/keys/${ids['deleted']}/actions/scheduleDeletion`, { timeOfDeletion })
  await stage.cloud.call(stage.cloud.a, 'POST', `/20180608/vaults/${doomed}/actions/scheduleDeletion`, {
    timeOfDeletion,
  })
  stage.cloud.clock.now += 8 * day
  await stage.cloud.runDue()
  await stage.cloud.settle()
})
afterAll(() => {
  stage.cloud.close()
})

function post(target: string, body: unknown = {}, call: Call = stage.cloud.call): Promise<Answered> {
  return call(stage.cloud.a, 'POST', target, body, { host: ids['vault'] ?? '' })
}

const vaultPath = (id: string | undefined) => `/20180608/vaults/${id ?? ''}`
const getVault = (id: string | undefined, call = stage.cloud.call) => call(stage.cloud.a, 'GET', vaultPath(id))
const encryptWith = (keyId: string | undefined, more: object = {}, call = stage.cloud.call) =>
  post('/20180608/encrypt', { keyId, plaintext: 'aGk=', ...more }, call)

const anywhere = 'ocid1.vault.oc1.iad.aaaaaaaaaaaaa.aaaaaaaa'
const anyKey = (vaultId = ids['vault'] ?? '') => `ocid1.key.oc1.iad.${vaultId.split('.')[4] ?? ''}.${'a'.repeat(60)}`

const absentOrForbidden: readonly Case[] = [
  { name: 'noSuchVault', why: anywhere, call: () => getVault(anywhere) },
  { name: 'notGranted', why: 'VAULT_READ in compartment', call: () => getVault(ids['vault'], nobody) },
  { name: 'notGranted', why: 'KEY_ENCRYPT in compartment', call: () => encryptWith(ids['key'], {}, nobody) },
  {
    name: 'grantedNowhere',
    why: 'KEY_RESTORE',
    call: () => {
      const backupLocation = { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'o' }
      return post('/20180608/keys/actions/restoreFromObjectStore', { backupLocation }, nobody)
    },
  },
  {
    name: 'serviceNotGranted',
    why: 'no policy grants service keymanagementservice VAULT_REPLICATE in tenancy',
    call: () =>
      replicator(stage.cloud.a, 'POST', `${vaultPath(ids['vault'])}/actions/createReplica`, { replicaRegion: regionB }),
  },
  {
    name: 'noSuchCompartment',
    why: 'ocid1.compartment.oc1..gone',
    call: () => stage.cloud.call(stage.cloud.a, 'GET', '/20180608/vaults?compartmentId=ocid1.compartment.oc1..gone'),
  },
  {
    name: 'noSuchPolicy',
    why: 'ocid1.policy.oc1..gone',
    call: () => stage.cloud.call(stage.cloud.a, 'GET', '/20160918/policies/ocid1.policy.oc1..gone'),
  },
  {
    name: 'noSuchIdentity',
    why: 'user ocid1.user.oc1..gone',
    call: () => stage.cloud.call(stage.cloud.a, 'GET', '/20160918/users/ocid1.user.oc1..gone'),
  },
  {
    name: 'vaultOfAnotherTenancy',
    why: 'belongs to another tenancy',
    call: async () => {
      const { call } = await stage.cloud.addTenancy()
      return getVault(ids['vault'], call)
    },
  },
  {
    name: 'vaultDeleted',
    why: 'DELETED',
    call: () => stage.cloud.call(stage.cloud.a, 'PUT', vaultPath(ids['doomed']), { displayName: 'x' }),
  },
  { name: 'noSuchKey', why: 'has no key', call: () => encryptWith(anyKey()) },
  { name: 'noSuchKey', why: 'has no key', call: () => encryptWith(anyKey(), {}, nobody) },
  { name: 'keyOfAnotherVault', why: 'is not of vault', call: () => encryptWith(anyKey(ids['other'])) },
  { name: 'keyDeleted', why: 'DELETED', call: () => encryptWith(ids['deleted']) },
  {
    name: 'noSuchKeyVersion',
    why: 'has no version',
    call: () => encryptWith(ids['second'], { keyVersionId: ids['version'] }),
  },
  { name: 'keyVersionDeleted', why: 'DELETED', call: () => encryptWith(ids['key'], { keyVersionId: ids['version'] }) },
  {
    name: 'noSuchReplication',
    why: 'nothing',
    call: () =>
      stage.cloud.call(stage.cloud.a, 'GET', '/20180608/replicaOperations/nothing/status', undefined, {
        host: ids['vault'] ?? '',
      }),
  },
  {
    name: 'noReplica',
    why: 'has no replica in us-phoenix-1',
    call: async () => {
      const statements = ['Allow service keymanagementservice to manage vaults in tenancy']
      const policy = { compartmentId: stage.cloud.tenancyId, name: 'replication', description: 'd', statements }
      const { body } = await stage.cloud.call(stage.cloud.a, 'POST', '/20160918/policies', policy)
      const path = `${vaultPath(ids['vault'])}/actions/deleteReplica`
      const answer = await stage.cloud.call(stage.cloud.a, 'POST', path, { replicaRegion: regionB })
      stage.lines.splice(0, stage.lines.length, ...stage.lines.filter((line) => line.includes('DeleteVaultReplica')))
      const kept = [...stage.lines]
      await stage.cloud.call(stage.cloud.a, 'DELETE', `/20160918/policies/${String(body['id'])}`)
      stage.lines.splice(0, stage.lines.length, ...kept)
      return answer
    },
  },
  {
    name: 'notAcknowledged',
    why: 'has not acknowledged',
    call: async () => {
      const { row } = (await stage.cloud.a.runtime.cache.freshVault(ids['vault'] ?? '')) ?? {}
      const id = Buffer.from(JSON.stringify([row?.id, row?.epoch, row?.revision])).toString('base64url')
      const target = `/20180608/replicaOperations/${id}/receipt`
      return stage.cloud.call(stage.cloud.a, 'GET', target, undefined, { host: ids['vault'] ?? '' })
    },
  },
]

test.each(absentOrForbidden)('of $name the log tells and the answer 404 does not: $why', async (each) => {
  const reference = await getVault(anywhere)
  expect(reference.status).toBe(404)
  expect(withoutId(await stage.expectReason(each))).toEqual(withoutId(reference))
})

test('a compartment that is not there and one that is not the caller’s are one answer and two lines', async () => {
  const compartment = await makeCompartment(stage.cloud, 'theirs')
  await stage.cloud.settle()
  const list = (id: string) => () => nobody(stage.cloud.a, 'GET', `/20180608/vaults?compartmentId=${id}`)
  const forbidden = await stage.expectReason({ name: 'notGranted', why: compartment, call: list(compartment) })
  const absent = await stage.expectReason({
    name: 'noSuchCompartment',
    why: 'oc1..no',
    call: list('ocid1.compartment.oc1..no'),
  })
  expect(withoutId(forbidden)).toEqual(withoutId(absent))
})

test('a ciphertext of another key and a damaged one are one answer and two lines', async () => {
  const ciphertext = String((await encryptWith(ids['second'])).body['ciphertext'])
  const damaged = Buffer.from(ciphertext, 'base64')
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
  const open = (keyId: string | undefined, text: string) => () => post('/20180608/decrypt', { keyId, ciphertext: text })
  const ofOther = await stage.expectReason({
    name: 'ciphertextOfNoVersion',
    why: 'of no version of key',
    call: open(ids['key'], ciphertext),
  })
  const broken = await stage.expectReason({
    name: 'ciphertextDiffers',
    why: 'damaged',
    call: open(ids['second'], damaged.toString('base64')),
  })
  expect(withoutId(ofOther)).toEqual(withoutId(broken))
})

test('what is refused otherwise is logged with what the caller was told, and a success without', async () => {
  const refused = await stage.lineOf(() =>
    stage.cloud.call(stage.cloud.a, 'POST', '/20180608/vaults', { displayName: 'v' }),
  )
  expect(refused.line).toMatchObject({ operation: 'CreateVault', reason: 'missingParameter' })
  expect(refused.line['why']).toBe(refused.answer.body['message'])
  stage.lines.length = 0
  const { headers } = await getVault(ids['vault'])
  expect(stage.lines.map((line): unknown => JSON.parse(line))).toEqual([
    {
      level: 'info',
      time: expect.any(String) as string,
      message: 'A request was answered.',
      operation: 'GetVault',
      status: 200,
      ms: expect.any(Number) as number,
      caller: expect.stringMatching(/^ocid1\.user\./) as string,
      requestId: headers['opc-request-id'],
      region: 'us-ashburn-1',
    },
  ])
})

test('what a caller sends cannot write a line of its own, nor a long one', async () => {
  const { line } = await stage.lineOf(() =>
    getVault(encodeURIComponent(`x\n{"level":"error"}\u001b[2J\u202e${'y'.repeat(9000)}`)),
  )
  expect(line).toMatchObject({ reason: 'noSuchVault' })
  expect(stage.lines).toHaveLength(1)
  expect(stage.lines[0]).not.toMatch(/[\p{Cc}\p{Cf}]/u)
  expect(stage.lines[0]?.length).toBeLessThan(1500)
})

test('every kind has been driven', () => {
  stage.expectAll('resources')
})
