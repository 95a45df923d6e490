import { parseBackup, type KeyBackup } from '../../lib/kms/backup/backupDocument.ts'
import { restoreKey } from '../../lib/kms/backup/restoreKey.ts'
import { compartmentState, deleteCompartment, makeCompartment, makeKeyIn } from '../harness/compartmentStory.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered, TestRegion } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** What is restored counts as what is in its compartment, and comes into no compartment that is going. */

const day = 86_400_000
const cloud = cloudOfEachTest({ preparesKeys: true })
let vaultId: string
let compartmentId: string
beforeEach(async () => {
  vaultId = await makeVault(cloud)
  compartmentId = await makeCompartment(cloud, 'home')
  await cloud.settle()
})

function post(target: string, body?: unknown, region: TestRegion = cloud.a): Promise<Answered> {
  return cloud.call(region, 'POST', target, body, { host: target.includes('/vaults') ? 'region' : vaultId })
}
const place = { backupLocation: { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName: 'o' } }
const vaultPath = () => `/20180608/vaults/${vaultId}`
const restoreInto = (id: string, region = cloud.a) =>
  post(`/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${id}`, place, region)

async function backUpAndDestroy(): Promise<void> {
  await post(`${vaultPath()}/actions/backup`, { ...place, isIncludeKeys: true })
  await post(`${vaultPath()}/actions/scheduleDeletion`, { timeOfDeletion: new Date(cloud.clock.now + 7 * day) })
  cloud.clock.now += 8 * day
  await cloud.runDue()
  await cloud.settle()
}

/** Asks for the compartment's deletion. Resolves with its state when every region has voted. */
async function stateAfterDeletion(): Promise<unknown> {
  await deleteCompartment(cloud, compartmentId)
  await cloud.settle()
  return compartmentState(cloud, cloud.a, compartmentId)
}

test('a compartment is not deleted while a restored vault is in it, here or elsewhere', async () => {
  await backUpAndDestroy()
  expect(await restoreInto(compartmentId)).toMatchObject({ status: 200, body: { compartmentId } })
  expect(await deleteCompartment(cloud, compartmentId)).toMatchObject({ status: 409, body: { code: 'Conflict' } })
  const other = await makeCompartment(cloud, 'elsewhere')
  await cloud.settle()
  compartmentId = other
  expect(await restoreInto(other, cloud.b)).toMatchObject({ status: 200, body: { compartmentId: other } })
  expect(await stateAfterDeletion()).toBe('ACTIVE')
})

test('nor while a restored key is in it', async () => {
  await makeKeyIn(cloud, cloud.a, vaultId, compartmentId)
  await backUpAndDestroy()
  expect((await restoreInto(cloud.tenancyId, cloud.b)).status).toBe(200)
  expect(await stateAfterDeletion()).toBe('ACTIVE')
})

test('a deleted one takes nothing: its key goes to where the vault goes, a vault is refused', async () => {
  const key = await makeKeyIn(cloud, cloud.a, vaultId, compartmentId)
  await backUpAndDestroy()
  expect(await stateAfterDeletion()).toBe('DELETED')
  expect(await restoreInto(compartmentId)).toMatchObject({ status: 409, body: { code: 'Conflict' } })
  expect((await restoreInto(cloud.tenancyId)).status).toBe(200)
  const target = `/20180608/keys/${String(key.body['id'])}`
  const found = await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })
  expect(found.body).toMatchObject({ lifecycleState: 'ENABLED', compartmentId: cloud.tenancyId })
})

test('a restore whose vault changes meanwhile ends: 409 IncorrectState', async () => {
  const key = await makeKey(cloud, vaultId)
  await post(`/20180608/keys/${String(key.body['id'])}/actions/backup`, place)
  const { runtime } = cloud.a
  const { saved } = parseBackup<KeyBackup>(
    'vaultspan/key-backup/1',
    cloud.backups.get(`${cloud.tenancyId}/n/b/o`) ?? '',
  )
  const stale = await runtime.cache.freshVault(vaultId)
  if (stale === undefined) throw new Error('The vault is there.')
  await post(`/20180608/keys/${String(key.body['id'])}/actions/scheduleDeletion`, {
    timeOfDeletion: new Date(cloud.clock.now + 7 * day),
  })
  cloud.clock.now += 8 * day
  await cloud.runDue()
  await post(`${vaultPath()}/actions/scheduleDeletion`, {})
  const restore = restoreKey(runtime, stale, saved, { from: stale.row, compartmentFor: (id) => id })
  await expect(restore).rejects.toMatchObject({ code: 'incorrectState' })
})
