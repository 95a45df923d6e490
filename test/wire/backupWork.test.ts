import { addUser } from '../harness/addUser.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered } from '../harness/twoRegions.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** Each answer of a backup or a restore names a work request, and GetWorkRequest knows it. */

const cloud = cloudOfEachTest({ preparesKeys: true })

const place = (objectName: string) => ({
  backupLocation: { destination: 'BUCKET', namespace: 'n', bucketName: 'b', objectName },
})
const workOf = ({ status, headers }: Answered): string => {
  expect(status).toBe(200)
  return headers['opc-work-request-id'] ?? ''
}
const get = (id: string, call = cloud.call) => call(cloud.a, 'GET', `/20160918/workRequests/${id}`)

test('backups and restores of a vault and of a key have succeeded, each under its own id', async () => {
  const { a, call, tenancyId, clock } = cloud
  const vaultId = await makeVault(cloud)
  await cloud.settle()
  const keyId = String((await makeKey(cloud, vaultId)).body['id'])
  const at = { host: vaultId }
  const [vault, key] = [`/20180608/vaults/${vaultId}`, `/20180608/keys/${keyId}`]
  const savedVault = workOf(await call(a, 'POST', `${vault}/actions/backup`, { ...place('v'), isIncludeKeys: true }))
  const savedKey = workOf(await call(a, 'POST', `${key}/actions/backup`, place('k'), at))
  const restoredKey = workOf(await call(a, 'POST', '/20180608/keys/actions/restoreFromObjectStore', place('k'), at))
  const timeOfDeletion = new Date(clock.now + 8 * 86_400_000)
  await call(a, 'POST', `${vault}/actions/scheduleDeletion`, { timeOfDeletion })
  clock.now += 9 * 86_400_000
  await cloud.runDue()
  await cloud.settle()
  const from = `/20180608/vaults/actions/restoreFromObjectStore?compartmentId=${tenancyId}`
  const restoredVault = workOf(await call(a, 'POST', from, place('v')))
  // Nine days after: the first three are forgotten.
  for (const id of [savedVault, savedKey, restoredKey]) expect((await get(id)).status).toBe(404)
  clock.now += 86_400_000
  expect((await get(restoredVault)).body).toMatchObject({
    id: restoredVault,
    operationType: 'RESTORE_VAULT',
    status: 'SUCCEEDED',
    percentComplete: 100,
    compartmentId: tenancyId,
    resources: [{ identifier: vaultId, entityType: 'vault', actionType: 'CREATED' }],
  })
  expect((await get(restoredVault)).body['timeFinished']).not.toBeNull()
})

test('a repeated backup is the same request; who may not see the compartment, or is of another tenancy, sees none', async () => {
  const { a, call } = cloud
  const vaultId = await makeVault(cloud)
  await cloud.settle()
  const headers = { 'opc-retry-token': 'again' }
  const keyId = String((await makeKey(cloud, vaultId)).body['id'])
  const save = () => call(a, 'POST', `/20180608/keys/${keyId}/actions/backup`, place('k'), { host: vaultId, headers })
  const [first, second] = [workOf(await save()), workOf(await save())]
  expect(second).toBe(first)
  expect((await get(first)).body).toMatchObject({
    operationType: 'BACKUP_KEY',
    resources: [{ identifier: keyId, entityType: 'key', actionType: 'RELATED' }],
  })
  const stranger = await addUser(cloud, 'strangers', ['Allow group strangers to inspect policies in tenancy'])
  const other = await cloud.addTenancy()
  for (const caller of [stranger, other.call]) expect((await get(first, caller)).status).toBe(404)
})
