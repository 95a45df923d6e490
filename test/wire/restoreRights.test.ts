import { randomBytes } from 'node:crypto'
import { addUser } from '../harness/addUser.ts'
import { deleteCompartment, makeCompartment, makeKeyIn, vaultIn } from '../harness/compartmentStory.ts'
import type { Call } from '../harness/signedCall.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered, TestRegion } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeKey } from '../harness/vaultStory.ts'
import type { KeyBackup } from '../../lib/kms/backup/backupDocument.ts'
import { newOcid } from '../../lib/ocid.ts'

/** A restore needs the right wherever it reaches: where the thing was, where it stands and where it goes. */

const day = 86_400_000
const refusal = { status: 404, body: { code: 'NotAuthorizedOrNotFound' } }
const cloud = cloudOfEachTest({ preparesKeys: true })
let vaultId: string
let here: string
let there: string
/** Restores and reads in `here` only. */
let restorer: Call
beforeEach(async () => {
  here = await makeCompartment(cloud, 'here')
  there = await makeCompartment(cloud, 'there')
  await cloud.settle()
  vaultId = await vaultIn(cloud, cloud.a, here)
  restorer = await addUser(cloud, 'Restorers', [
    'Allow group Restorers to manage keys in compartment here',
    'Allow group Restorers to manage vaults in compartment here',
  ])
})

const place = (objectName: string) => ({
  backupLocation: { destination: 'BUCKET', namespace: 'ns', bucketName: 'b', objectName },
})
const saved = (objectName: string) => cloud.backups.get(`${cloud.tenancyId}/ns/b/${objectName}`) ?? ''
const keyPath = (key: Answered) => `/20180608/keys/${String(key.body['id'])}`
const vaultPath = () => `/20180608/vaults/${vaultId}`
const post = (target: string, body?: unknown, call = cloud.call, host = vaultId) =>
  call(cloud.a, 'POST', target, body, { host: target.includes('/vaults') ? 'region' : host })
const restoreKey = (text: string, call = cloud.call) => post('/20180608/keys/actions/restoreFromFile', text, call)
const restoreVault = (text: string, call = cloud.call, into = here, region: TestRegion = cloud.a) =>
  call(region, 'POST', `/20180608/vaults/actions/restoreFromFile?compartmentId=${into}`, text)
const getKey = (key: Answered) => cloud.call(cloud.a, 'GET', keyPath(key), undefined, { host: vaultId })
const usage = async () => (await cloud.call(cloud.a, 'GET', `${vaultPath()}/usage`)).body

async function passTime(): Promise<void> {
  cloud.clock.now += 8 * day
  await cloud.runDue()
  await cloud.settle()
}

async function destroy(path: string): Promise<void> {
  const scheduled = await post(`${path}/actions/scheduleDeletion`, {
    timeOfDeletion: new Date(cloud.clock.now + 7 * day),
  })
  expect(scheduled.status).toBe(200)
  await passTime()
}

async function savedKey(): Promise<Answered> {
  const key = await makeKeyIn(cloud, cloud.a, vaultId, here)
  await post(`${keyPath(key)}/actions/backup`, place('key'))
  return key
}

describe('a key that has moved to another compartment', () => {
  test.each(['alive', 'deleted'])('and is %s is not restored by rights in the former one', async (state) => {
    const key = await savedKey()
    expect((await restoreKey(saved('key'), restorer)).status).toBe(200)
    await post(`${keyPath(key)}/actions/changeCompartment`, { compartmentId: there })
    if (state === 'deleted') await destroy(keyPath(key))
    const before = await getKey(key)
    expect(await restoreKey(saved('key'), restorer)).toMatchObject(refusal)
    expect((await getKey(key)).body).toEqual(before.body)
    const both = await addUser(cloud, 'Both', [
      'Allow group Both to manage keys in compartment here',
      'Allow group Both to manage keys in compartment there',
    ])
    const restored = await restoreKey(saved('key'), both)
    // A restore takes back a deletion, not a move.
    expect(restored).toMatchObject({ status: 200, body: { compartmentId: there, lifecycleState: 'ENABLED' } })
  })

  test('comes back there with its vault', async () => {
    const key = await savedKey()
    await post(`${vaultPath()}/actions/backup`, { ...place('vault'), isIncludeKeys: true })
    await post(`${keyPath(key)}/actions/changeCompartment`, { compartmentId: there })
    await destroy(vaultPath())
    expect((await restoreVault(saved('vault'), restorer)).status).toBe(200)
    expect((await getKey(key)).body).toMatchObject({ compartmentId: there, lifecycleState: 'ENABLED' })
  })
})

describe('a vault', () => {
  test('that was in another compartment is not restored by rights where it is to go', async () => {
    vaultId = await vaultIn(cloud, cloud.a, there)
    await post(`${vaultPath()}/actions/backup`, place('vault'))
    expect(await restoreVault(saved('vault'), restorer)).toMatchObject(refusal)
    expect(await restoreVault(saved('vault'), restorer, here, cloud.b)).toMatchObject(refusal)
    await destroy(vaultPath())
    expect(await restoreVault(saved('vault'), restorer)).toMatchObject(refusal)
    expect((await restoreVault(saved('vault'))).body).toMatchObject({ id: vaultId, compartmentId: here })
  })

  test('that has moved to another compartment is not restored by rights in the former one', async () => {
    await post(`${vaultPath()}/actions/backup`, place('vault'))
    await post(`${vaultPath()}/actions/changeCompartment`, { compartmentId: there })
    await destroy(vaultPath())
    expect(await restoreVault(saved('vault'), restorer)).toMatchObject(refusal)
    expect((await cloud.call(cloud.a, 'GET', vaultPath())).body).toMatchObject({ lifecycleState: 'DELETED' })
  })

  test('of a compartment that is gone needs the right where it goes, as its row still names the other', async () => {
    vaultId = await vaultIn(cloud, cloud.a, there)
    await post(`${vaultPath()}/actions/backup`, place('vault'))
    await destroy(vaultPath())
    await deleteCompartment(cloud, there)
    await cloud.settle()
    expect(await restoreVault(saved('vault'), restorer)).toMatchObject(refusal)
    expect((await restoreVault(saved('vault'))).body).toMatchObject({ id: vaultId, compartmentId: here })
  })
})

describe('what was destroyed by itself stays destroyed', () => {
  test('a version, whatever became of its key, though the key comes back', async () => {
    const key = await makeKeyIn(cloud, cloud.a, vaultId, here)
    const first = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    const firstId = String(key.body['currentKeyVersion'])
    const second = await post(`${keyPath(key)}/keyVersions`, {})
    const young = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
    await post(`${keyPath(key)}/actions/backup`, place('key'))
    await destroy(`${keyPath(key)}/keyVersions/${firstId}`)
    expect((await restoreKey(saved('key'))).status).toBe(200)
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], first)).status).toBe(404)
    expect(await usage()).toMatchObject({ keyCount: 1, keyVersionCount: 1 })
    await destroy(keyPath(key))
    expect((await restoreKey(saved('key'))).body).toMatchObject({ currentKeyVersion: second.body['id'] })
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], first)).status).toBe(404)
    expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], young)).status).toBe(200)
    expect(await usage()).toMatchObject({ keyCount: 1, keyVersionCount: 1 })
  })

  test('the version that was current: the newest that is left takes its place', async () => {
    const key = await makeKeyIn(cloud, cloud.a, vaultId, here)
    const oldest = String(key.body['currentKeyVersion'])
    const current = String((await post(`${keyPath(key)}/keyVersions`, {})).body['id'])
    await post(`${keyPath(key)}/actions/backup`, place('key'))
    await post(`${keyPath(key)}/keyVersions`, {})
    await destroy(`${keyPath(key)}/keyVersions/${current}`)
    await destroy(keyPath(key))
    expect((await restoreKey(saved('key'))).body).toMatchObject({
      currentKeyVersion: oldest,
      lifecycleState: 'ENABLED',
    })
  })

  test('all that a backup has: 409, and the vault comes back without that key', async () => {
    const key = await savedKey()
    await post(`${vaultPath()}/actions/backup`, { ...place('vault'), isIncludeKeys: true })
    await post(`${keyPath(key)}/keyVersions`, {})
    await destroy(`${keyPath(key)}/keyVersions/${String(key.body['currentKeyVersion'])}`)
    await destroy(vaultPath())
    expect(await restoreVault(saved('vault'))).toMatchObject({ status: 200, body: { lifecycleState: 'ACTIVE' } })
    expect(await restoreKey(saved('key'))).toMatchObject({ status: 409, body: { code: 'Conflict' } })
    expect((await getKey(key)).body).toMatchObject({ lifecycleState: 'DELETED' })
  })

  test('a key, when its vault is restored; its own backup brings it back', async () => {
    const key = await savedKey()
    const other = await makeKeyIn(cloud, cloud.a, vaultId, here)
    await post(`${vaultPath()}/actions/backup`, { ...place('vault'), isIncludeKeys: true })
    await destroy(keyPath(key))
    await destroy(vaultPath())
    expect(await restoreVault(saved('vault'))).toMatchObject({ status: 200, body: { timeOfDeletion: null } })
    expect((await getKey(key)).body).toMatchObject({ lifecycleState: 'DELETED' })
    expect((await getKey(other)).body).toMatchObject({ lifecycleState: 'ENABLED' })
    expect((await restoreKey(saved('key'))).body).toMatchObject({ lifecycleState: 'ENABLED' })
  })
})

test('a key of many versions that is cut off on its way back is DELETED until the same file completes it', async () => {
  const key = await makeKeyIn(cloud, cloud.a, vaultId, here)
  const first = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  const versions = 170
  for (let count = 1; count < versions; count += 1) await post(`${keyPath(key)}/keyVersions`, {})
  await post(`${keyPath(key)}/actions/backup`, place('key'))
  await destroy(keyPath(key))
  const { tables } = cloud.a.store
  const write = tables.write.bind(tables)
  let left = 2
  tables.write = (writes, id) => {
    const isBatch = writes.some((each) => each.op === 'put' && each.table === 'Keys')
    if (isBatch && (left -= 1) < 0) return Promise.reject(new Error('the machine is gone'))
    return write(writes, id)
  }
  expect((await restoreKey(saved('key'))).status).toBe(500)
  tables.write = write
  expect((await getKey(key)).body).toMatchObject({ lifecycleState: 'DELETED' })
  expect((await restoreKey(saved('key'))).body).toMatchObject({
    lifecycleState: 'ENABLED',
    currentKeyVersion: (JSON.parse(saved('key')) as KeyBackup).saved.key.currentKeyVersion,
  })
  expect(await usage()).toMatchObject({ keyCount: 1, keyVersionCount: versions })
  expect((await decrypt(cloud, cloud.a, vaultId, key.body['id'], first)).status).toBe(200)
})

describe('an invented file tells nothing', () => {
  const invented = (id: string) => {
    const vault = { ...(JSON.parse(saved('vault')) as { vault: object }).vault, id }
    return JSON.stringify({ ...(JSON.parse(saved('vault')) as object), vault })
  }

  test('of whether a vault exists, nor of where it is', async () => {
    await post(`${vaultPath()}/actions/backup`, place('vault'))
    const standing = await vaultIn(cloud, cloud.a, there)
    const { tables } = cloud.a.store
    const get = tables.get.bind(tables)
    const read: string[] = []
    tables.get = (table, pk, sk) => {
      read.push(pk)
      return get(table, pk, sk)
    }
    const absent = newOcid(randomBytes, 'vault', { region: 'us-ashburn-1', vaultPrefix: 'abcdefghijklm' })
    const answers = [standing, vaultId, absent].map((id) =>
      restoreVault(id === vaultId ? saved('vault').replace('"2', '"3') : invented(id), restorer),
    )
    const told = (await Promise.all(answers)).map(({ status, text }) => [status, text])
    expect(new Set(told.map((each) => JSON.stringify(each))).size).toBe(1)
    expect(told[0]?.[0]).toBe(400)
    expect(read.filter((pk) => pk === standing || pk === absent || pk === vaultId)).toEqual([])
  })

  test('of a key: another vault’s, a changed one and one of a foreign compartment answer alike', async () => {
    await savedKey()
    const text = saved('key')
    const other = await vaultIn(cloud, cloud.a, there)
    const foreign = await makeKeyIn(cloud, cloud.a, other, there)
    await post(`${keyPath(foreign)}/actions/backup`, place('foreign'), cloud.call, other)
    const files = [
      saved('foreign'),
      text.replace(vaultId, other),
      text.replace(here, there),
      text.replace(here, cloud.tenancyId),
      text.replace('"mac":"', '"mac":"A'),
    ]
    const answers = new Set<string>()
    for (const file of files) {
      const { status, text: told } = await restoreKey(file, restorer)
      answers.add(JSON.stringify([status, told]))
    }
    expect([...answers]).toEqual([expect.stringContaining('[400,')])
  })
})

describe('a backup', () => {
  test('of another resource, or anything else, is not overwritten', async () => {
    const key = await savedKey()
    const kept = saved('key')
    const other = await makeKey(cloud, vaultId)
    const conflict = { status: 409, body: { code: 'Conflict' } }
    expect(await post(`${keyPath(other)}/actions/backup`, place('key'))).toMatchObject(conflict)
    expect(await post(`${vaultPath()}/actions/backup`, place('key'))).toMatchObject(conflict)
    expect(saved('key')).toBe(kept)
    await post(`${vaultPath()}/actions/backup`, place('vault'))
    expect(await post(`${keyPath(key)}/actions/backup`, place('vault'))).toMatchObject(conflict)
    for (const text of [
      '',
      'null',
      '{}',
      '[]',
      '{"saved":null}',
      '{"format":"vaultspan/vault-backup/1","vault":null}',
    ]) {
      cloud.backups.set(`${cloud.tenancyId}/ns/b/alien`, text)
      expect(await post(`${keyPath(key)}/actions/backup`, place('alien'))).toMatchObject(conflict)
      expect(saved('alien')).toBe(text)
    }
  })

  test('of the same resource is', async () => {
    const key = await savedKey()
    const kept = saved('key')
    await post(`${keyPath(key)}/keyVersions`, {})
    expect((await post(`${keyPath(key)}/actions/backup`, place('key'))).status).toBe(200)
    expect(saved('key')).not.toBe(kept)
    for (let count = 0; count < 2; count += 1)
      expect((await post(`${vaultPath()}/actions/backup`, place('vault'))).status).toBe(200)
  })
})
