import { createHash } from 'node:crypto'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered, TestRegion } from '../harness/twoRegions.ts'
import {
  allowReplication,
  createReplica,
  decrypt,
  encrypt,
  makeKey,
  makeVault,
  replicaStatus,
} from '../harness/vaultStory.ts'

const day = 86_400_000
const cloud = cloudOfEachTest({ preparesKeys: true })
let vaultId: string
beforeEach(async () => {
  vaultId = await makeVault(cloud)
  await cloud.settle()
})

function post(target: string, body?: unknown, region: TestRegion = cloud.a, host = vaultId): Promise<Answered> {
  return cloud.call(region, 'POST', target, body, { host: target.includes('/vaults') ? 'region' : host })
}
const place = (objectName: string) => ({
  backupLocation: { destination: 'BUCKET', namespace: 'ns', bucketName: 'b', objectName },
})
const saved = (objectName: string) => cloud.backups.get(`${cloud.tenancyId}/ns/b/${objectName}`) ?? ''
const vaultPath = () => `/20180608/vaults/${vaultId}`
const keyPath = (key: Answered) => `/20180608/keys/${String(key.body['id'])}`

async function backUpVault(objectName = 'vault.json', isIncludeKeys = true): Promise<Answered> {
  return post(`${vaultPath()}/actions/backup`, { ...place(objectName), isIncludeKeys })
}
function restoreVault(text: string, region: TestRegion = cloud.a): Promise<Answered> {
  return post(`/20180608/vaults/actions/restoreFromFile?compartmentId=${cloud.tenancyId}`, text, region)
}
async function destroyVault(): Promise<void> {
  await post(`${vaultPath()}/actions/scheduleDeletion`, { timeOfDeletion: new Date(cloud.clock.now + 7 * day) })
  cloud.clock.now += 8 * day
  await cloud.runDue()
  await cloud.settle()
}

test('a deleted vault comes back under its OCID with its keys, and its ciphertexts decrypt', async () => {
  const key = await makeKey(cloud, vaultId, { displayName: 'Schlüssel' })
  const old = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  await post(`${keyPath(key)}/keyVersions`, {})
  const young = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  const disabled = await makeKey(cloud, vaultId)
  await post(`${keyPath(disabled)}/actions/disable`)
  const software = await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })
  const backup = await backUpVault()
  expect(backup).toMatchObject({ status: 200, body: { id: vaultId, lifecycleState: 'ACTIVE' } })
  expect(backup.headers['opc-work-request-id']).toMatch(/^ocid1\./)
  const text = saved('vault.json')
  expect(text).toMatch(/^[\x20-\x7e]+$/)
  await destroyVault()
  expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], old)).status).toBe(404)
  const restored = await restoreVault(text)
  expect(restored).toMatchObject({ status: 200, body: { id: vaultId, lifecycleState: 'ACTIVE', timeOfDeletion: null } })
  expect(restored.headers['opc-content-md5']).toBe(createHash('md5').update(text).digest('base64'))
  for (const ciphertext of [old, young])
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], ciphertext)).status).toBe(200)
  const found = await cloud.call(cloud.a, 'GET', keyPath(disabled), undefined, { host: vaultId })
  expect(found.body).toMatchObject({ lifecycleState: 'DISABLED', restoredFromKeyId: null })
  const gone = await cloud.call(cloud.a, 'GET', keyPath(software), undefined, { host: vaultId })
  expect(gone.body).toMatchObject({ lifecycleState: 'DELETED' })
})

test('a restored vault replicates again', async () => {
  await allowReplication(cloud)
  await createReplica(cloud, vaultId)
  await cloud.settle()
  const key = await makeKey(cloud, vaultId)
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  await backUpVault()
  await destroyVault()
  await restoreVault(saved('vault.json'))
  // What is left of the replica that went with the vault goes first.
  expect(await createReplica(cloud, vaultId)).toMatchObject({ status: 409, body: { code: 'IncorrectState' } })
  await cloud.settle()
  expect((await createReplica(cloud, vaultId)).status).toBe(202)
  await cloud.settle()
  expect(await replicaStatus(cloud, vaultId)).toBe('CREATED')
  expect((await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)).status).toBe(200)
})

test('in another region it gets OCIDs of its own, the same each time, and decrypts', async () => {
  const key = await makeKey(cloud, vaultId)
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  await post(`${keyPath(key)}/keyVersions`, {})
  await backUpVault()
  const restored = await restoreVault(saved('vault.json'), cloud.b)
  expect(restored).toMatchObject({ status: 200, body: { restoredFromVaultId: vaultId, isPrimary: true } })
  const there = String(restored.body['id'])
  expect(there).toContain('.phx.')
  const list = await cloud.call(cloud.b, 'GET', `/20180608/keys?compartmentId=${cloud.tenancyId}`, undefined, {
    host: there,
  })
  const [copy] = list.list
  const found = await cloud.call(cloud.b, 'GET', `/20180608/keys/${String(copy?.['id'])}`, undefined, { host: there })
  expect(found.body).toMatchObject({ restoredFromKeyId: key.body['id'], lifecycleState: 'ENABLED', vaultId: there })
  const opened = await decrypt(cloud, cloud.b, there, copy?.['id'], ciphertext)
  expect(opened).toMatchObject({ status: 200, body: { plaintext: 'aGVsbG8=' } })
  const again = await restoreVault(saved('vault.json'), cloud.b)
  expect(again).toMatchObject({ status: 409, body: { code: 'Conflict' } })
  const wrapping = await cloud.call(cloud.b, 'GET', '/20180608/wrappingKeys', undefined, { host: there })
  expect(wrapping.body).toMatchObject({ id: restored.body['wrappingkeyId'], lifecycleState: 'ENABLED' })
})

test('where the vault stands, as primary or as replica, it is not restored', async () => {
  await allowReplication(cloud)
  await createReplica(cloud, vaultId)
  await cloud.settle()
  await backUpVault()
  for (const region of [cloud.a, cloud.b]) {
    expect(await restoreVault(saved('vault.json'), region)).toMatchObject({ status: 409, body: { code: 'Conflict' } })
  }
  const refused = await post(`${vaultPath()}/actions/backup`, place('x'), cloud.b)
  expect(refused).toMatchObject({ status: 409, body: { code: 'Conflict' } })
})

test('a restore that was cut off goes on with the same file', async () => {
  for (let count = 0; count < 5; count += 1) await makeKey(cloud, vaultId, { displayName: `k${count}` })
  await backUpVault()
  await destroyVault()
  const { tables } = cloud.a.store
  const write = tables.write.bind(tables)
  let left = 4
  tables.write = (writes, id) => {
    if ((left -= 1) < 0) return Promise.reject(new Error('the machine is gone'))
    return write(writes, id)
  }
  expect((await restoreVault(saved('vault.json'))).status).toBe(500)
  tables.write = write
  expect((await cloud.call(cloud.a, 'GET', vaultPath())).body).toMatchObject({ lifecycleState: 'RESTORING' })
  expect(await makeKey(cloud, vaultId)).toMatchObject({ status: 409, body: { code: 'IncorrectState' } })
  expect(await restoreVault(saved('vault.json'))).toMatchObject({ status: 200, body: { lifecycleState: 'ACTIVE' } })
  const list = await cloud.call(cloud.a, 'GET', `/20180608/keys?compartmentId=${cloud.tenancyId}`, undefined, {
    host: vaultId,
  })
  expect(list.list.map(({ lifecycleState }) => lifecycleState)).toEqual(Array(5).fill('ENABLED'))
})

describe('a key', () => {
  test('in a restored vault gets the versions that it lacks, and a second restore adds nothing', async () => {
    const key = await makeKey(cloud, vaultId)
    await backUpVault()
    await post(`${keyPath(key)}/keyVersions`, {})
    const young = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    const backup = await post(`${keyPath(key)}/actions/backup`, place('key.json'))
    expect(backup).toMatchObject({ status: 200, body: { id: key.body['id'] } })
    const there = String((await restoreVault(saved('vault.json'), cloud.b)).body['id'])
    const restored = await post('/20180608/keys/actions/restoreFromFile', saved('key.json'), cloud.b, there)
    expect(restored).toMatchObject({ status: 200, body: { lifecycleState: 'ENABLED' } })
    expect((await decrypt(cloud, cloud.b, there, restored.body['id'], young)).status).toBe(200)
    const again = await post('/20180608/keys/actions/restoreFromObjectStore', place('key.json'), cloud.b, there)
    expect(again.body).toEqual(restored.body)
    const usage = await cloud.call(cloud.b, 'GET', `/20180608/vaults/${there}/usage`)
    expect(usage.body).toMatchObject({ keyCount: 1, keyVersionCount: 2 })
  })

  test('comes back whole after its deletion, and into a vault restored elsewhere', async () => {
    const key = await makeKey(cloud, vaultId, { keyShape: { algorithm: 'RSA', length: 256 } })
    const plaintext = 'aGVsbG8='
    const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'], plaintext)
    await post(`${keyPath(key)}/actions/backup`, place('key.json'))
    await backUpVault('vault.json', false)
    await post(`${keyPath(key)}/actions/scheduleDeletion`, { timeOfDeletion: new Date(cloud.clock.now + 7 * day) })
    cloud.clock.now += 8 * day
    await cloud.runDue()
    const restored = await post('/20180608/keys/actions/restoreFromFile', saved('key.json'))
    expect(restored).toMatchObject({ status: 200, body: { id: key.body['id'], lifecycleState: 'ENABLED' } })
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], ciphertext)).body).toMatchObject({ plaintext })
    const there = String((await restoreVault(saved('vault.json'), cloud.b)).body['id'])
    const copy = await post('/20180608/keys/actions/restoreFromFile', saved('key.json'), cloud.b, there)
    expect(copy.body).toMatchObject({ restoredFromKeyId: key.body['id'], vaultId: there })
    expect((await decrypt(cloud, cloud.b, there, copy.body['id'], ciphertext)).body).toMatchObject({ plaintext })
    const again = await post('/20180608/keys/actions/restoreFromFile', saved('key.json'), cloud.b, there)
    expect(again.body).toEqual(copy.body)
  })

  test('of a virtual vault, or SOFTWARE-protected, is not backed up; one of another vault is not restored', async () => {
    const software = await makeKey(cloud, vaultId, { protectionMode: 'SOFTWARE' })
    const refusal = { status: 400, body: { code: 'InvalidParameter' } }
    expect(await post(`${keyPath(software)}/actions/backup`, place('s'))).toMatchObject(refusal)
    const key = await makeKey(cloud, vaultId)
    await post(`${keyPath(key)}/actions/backup`, place('key.json'))
    const other = await makeVault(cloud, 'DEFAULT')
    const virtual = await makeKey(cloud, other)
    expect(await post(`${keyPath(virtual)}/actions/backup`, place('v'), cloud.a, other)).toMatchObject(refusal)
    expect(await post(`/20180608/vaults/${other}/actions/backup`, place('v'))).toMatchObject(refusal)
    const elsewhere = await post('/20180608/keys/actions/restoreFromFile', saved('key.json'), cloud.a, other)
    expect(elsewhere).toMatchObject(refusal)
  })
})

describe('a file', () => {
  test('in which one character is changed does not open', async () => {
    const key = await makeKey(cloud, vaultId)
    await backUpVault()
    await post(`${keyPath(key)}/actions/backup`, place('key.json'))
    await destroyVault()
    const text = saved('vault.json')
    for (let at = 40; at < text.length; at += Math.ceil(text.length / 40)) {
      const changed = text.slice(0, at) + (text[at] === '0' ? '1' : '0') + text.slice(at + 1)
      const { status, body } = await restoreVault(changed)
      expect([at, status, body['code']]).toEqual([at, 400, expect.stringMatching('InvalidParameter')])
    }
    expect((await cloud.call(cloud.a, 'GET', vaultPath())).body).toMatchObject({ lifecycleState: 'DELETED' })
    expect((await restoreVault(text)).status).toBe(200)
  })

  test.each([
    '',
    '{',
    '[]',
    'null',
    '{"format":"vaultspan/vault-backup/1"}',
    '{"format":"vaultspan/vault-backup/1","mac":""}',
  ])('with %j is refused', async (text) => {
    for (const target of [
      `/20180608/vaults/actions/restoreFromFile?compartmentId=${cloud.tenancyId}`,
      '/20180608/keys/actions/restoreFromFile',
    ]) {
      expect(await post(target, text)).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
    }
  })

  test('with the right tenancy and nothing else in it does not open', async () => {
    const { tenancyId } = cloud
    const target = `/20180608/vaults/actions/restoreFromFile?compartmentId=${tenancyId}`
    const base = { format: 'vaultspan/vault-backup/1', mac: '', tenancyId, region: 'us-ashburn-1' }
    for (const more of [{}, { vault: null }, { vault: {} }, { vault: { id: vaultId }, vaultKeys: {}, keys: [] }]) {
      expect(await post(target, { ...base, ...more })).toMatchObject({
        status: 400,
        body: { code: 'InvalidParameter' },
      })
    }
    const key = {
      format: 'vaultspan/key-backup/1',
      mac: '',
      tenancyId,
      vaultId,
      saved: { key: { compartmentId: tenancyId }, versions: [] },
    }
    expect(await post('/20180608/keys/actions/restoreFromFile', key)).toMatchObject({ status: 400 })
  })

  test('of another tenancy does not open there, and content-md5 is checked', async () => {
    await backUpVault()
    const other = await cloud.addTenancy()
    const target = `/20180608/vaults/actions/restoreFromFile?compartmentId=`
    const theirs = await other.call(cloud.a, 'POST', target + other.tenancyId, saved('vault.json'))
    expect(theirs).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
    const headers = { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' }
    const wrong = await cloud.call(cloud.b, 'POST', target + cloud.tenancyId, saved('vault.json'), { headers })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
  })

  test.each(['../x', '/x', 'a/../../b', 'a//b', '.', 'a\\b', 'ä', 'x'.repeat(200)])(
    'is not written to %j',
    async (name) => {
      const refused = await post(`${vaultPath()}/actions/backup`, place(name))
      expect(refused).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
      expect(cloud.backups.size).toBe(0)
    },
  )

  test('goes to no URI that is not allowed, and to the service’s own place where none is named', async () => {
    const uri = { backupLocation: { destination: 'PRE_AUTHENTICATED_REQUEST_URI', uri: 'http://127.0.0.1:1/x' } }
    const refused = await post(`${vaultPath()}/actions/backup`, uri)
    expect(refused).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
    expect((await post(`${vaultPath()}/actions/backup`)).status).toBe(200)
    expect([...cloud.backups.keys()][0]).toContain(`${cloud.tenancyId}/vaultspan/backups/${vaultId}/`)
    const missing = await post(
      `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${cloud.tenancyId}`,
      place('nothing'),
    )
    expect(missing).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
  })
})
