import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { Answered } from '../harness/twoRegions.ts'
import { decrypt, encrypt, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

const day = 86_400_000
const cloud = cloudOfEachTest()

function create(vaultId: string, details: object): Promise<Answered> {
  const body = {
    compartmentId: cloud.tenancyId,
    displayName: 'k',
    keyShape: { algorithm: 'AES', length: 32 },
    ...details,
  }
  return cloud.call(cloud.a, 'POST', '/20180608/keys', body, { host: vaultId })
}
const rotating = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 60 } }
const details = ({ body }: Answered) => body['autoKeyRotationDetails'] as Record<string, unknown> | null

async function pass(days: number): Promise<void> {
  cloud.clock.now += days * day
  await cloud.runDue()
  await cloud.settle()
}

test('a key rotates at its times, its old ciphertexts decrypt, and the replica follows', async () => {
  const vaultId = await makeReplicatedVault(cloud)
  const key = await create(vaultId, rotating)
  const target = `/20180608/keys/${String(key.body['id'])}`
  const today = new Date(cloud.clock.now).toISOString().slice(0, 10)
  expect(key.body).toMatchObject({ isAutoRotationEnabled: true })
  expect(details(key)).toMatchObject({
    rotationIntervalInDays: 60,
    timeOfScheduleStart: `${today}T00:00:00.000Z`,
    timeOfLastRotation: null,
  })
  const ciphertext = await encrypt(cloud, cloud.a, vaultId, key.body['id'])
  await pass(58)
  const get = (region = cloud.a) => cloud.call(region, 'GET', target, undefined, { host: vaultId })
  expect((await get()).body['currentKeyVersion']).toBe(key.body['currentKeyVersion'])
  await pass(2)
  const rotated = await get()
  expect(rotated.body['currentKeyVersion']).not.toBe(key.body['currentKeyVersion'])
  expect(details(rotated)).toMatchObject({ lastRotationStatus: 'SUCCESS', lastRotationMessage: null })
  const next = Date.parse(String(details(rotated)?.['timeOfNextRotation']))
  expect(next - Date.parse(`${today}T00:00:00Z`)).toBe(120 * day)
  expect((await get(cloud.b)).body).toEqual({ ...rotated.body, isPrimary: false })
  expect((await decrypt(cloud, cloud.b, vaultId, key.body['id'], ciphertext)).status).toBe(200)
  const versions = await cloud.call(cloud.a, 'GET', `${target}/keyVersions`, undefined, { host: vaultId })
  expect(versions.list.map(({ isAutoRotated }) => isAutoRotated)).toEqual([true, false])
  await cloud.runDue()
  expect((await get()).body['currentKeyVersion']).toBe(rotated.body['currentKeyVersion'])
})

test('a key that is disabled then is not rotated, says why, and is tried again the next time', async () => {
  const vaultId = await makeVault(cloud)
  const key = await create(vaultId, rotating)
  const target = `/20180608/keys/${String(key.body['id'])}`
  await cloud.call(cloud.a, 'POST', `${target}/actions/disable`, undefined, { host: vaultId })
  await pass(61)
  const failed = await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })
  expect(failed.body['currentKeyVersion']).toBe(key.body['currentKeyVersion'])
  expect(details(failed)).toMatchObject({
    lastRotationStatus: 'FAILED',
    lastRotationMessage: 'The key was DISABLED.',
    timeOfLastRotation: null,
    timeOfNextRotation: null,
  })
  await cloud.call(cloud.a, 'POST', `${target}/actions/enable`, undefined, { host: vaultId })
  await pass(60)
  const rotated = await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })
  expect(details(rotated)).toMatchObject({ lastRotationStatus: 'SUCCESS', lastRotationMessage: null })
})

test('rotation is switched on, changed and off by UpdateKey', async () => {
  const vaultId = await makeVault(cloud)
  const key = await create(vaultId, {})
  const target = `/20180608/keys/${String(key.body['id'])}`
  const update = (body: object) => cloud.call(cloud.a, 'PUT', target, body, { host: vaultId })
  expect(await update({ isAutoRotationEnabled: true })).toMatchObject({
    status: 400,
    body: { code: 'MissingParameter' },
  })
  const start = new Date(cloud.clock.now + 10 * day).toISOString()
  const on = await update({
    isAutoRotationEnabled: true,
    autoKeyRotationDetails: { rotationIntervalInDays: 90, timeOfScheduleStart: start },
  })
  expect(details(on)).toMatchObject({ timeOfScheduleStart: `${start.slice(0, 10)}T00:00:00.000Z` })
  const changed = await update({ autoKeyRotationDetails: { rotationIntervalInDays: 60 } })
  expect(Date.parse(String(details(changed)?.['timeOfNextRotation']))).toBe(
    Date.parse(`${start.slice(0, 10)}T00:00:00Z`) + 60 * day,
  )
  const off = await update({ isAutoRotationEnabled: false })
  expect(off.body).toMatchObject({ isAutoRotationEnabled: false })
  await pass(400)
  const after = await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })
  expect(after.body['currentKeyVersion']).toBe(key.body['currentKeyVersion'])
})

test.each([
  [{ isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 59 } }, 'InvalidParameter'],
  [{ isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 366 } }, 'InvalidParameter'],
  [{ isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 60.5 } }, 'InvalidParameter'],
  [{ isAutoRotationEnabled: true }, 'MissingParameter'],
])('rotation is refused for %o', async (wish, code) => {
  const vaultId = await makeVault(cloud)
  expect(await create(vaultId, wish)).toMatchObject({ status: 400, body: { code } })
})

test('a key in a virtual vault cannot rotate by itself', async () => {
  const vaultId = await makeVault(cloud, 'DEFAULT')
  expect(await create(vaultId, rotating)).toMatchObject({ status: 400, body: { code: 'InvalidParameter' } })
})
