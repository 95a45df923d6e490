import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** What the service does by itself when it falls due is in the audit, in the change's own transaction: nobody asked, so nothing else says it. */

const day = 86_400_000
const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeVault(cloud)
})

/** Schedules a deletion at the earliest time and lets it come. */
async function destroyed(target: string, host = 'region'): Promise<void> {
  const timeOfDeletion = new Date(cloud.clock.now + 8 * day).toISOString()
  const path = `/20180608/${target}/actions/scheduleDeletion`
  const { status } = await cloud.call(cloud.a, 'POST', path, { timeOfDeletion }, { host })
  expect(status).toBe(200)
  cloud.clock.now += 9 * day
  await cloud.runDue()
  await cloud.runDue()
}

/** Of what the service did: operation, resource and its state. */
async function eventsOfService(): Promise<readonly unknown[]> {
  const range = 'startTime=2000-01-01T00:00:00Z&endTime=2100-01-01T00:00:00Z'
  const target = `/20190901/auditEvents?compartmentId=${cloud.tenancyId}&${range}`
  const { list } = await cloud.call(cloud.a, 'GET', target)
  return list.flatMap(({ eventType, data }) => {
    const { identity, resourceId, stateChange } = data as {
      readonly identity?: { readonly authType?: string }
      readonly resourceId?: string
      readonly stateChange?: { readonly current?: { readonly lifecycleState?: string } }
    }
    const operation = String(eventType).replace('com.oraclecloud.KeyManagementService.', '')
    return identity?.authType === 'service' ? [[operation, resourceId, stateChange?.current?.lifecycleState]] : []
  })
}

async function keyOf(): Promise<{ readonly id: string; readonly version: string }> {
  const { body } = await makeKey(cloud, vaultId)
  return { id: String(body['id']), version: String(body['currentKeyVersion']) }
}

test('the destruction of a vault, and of each of its keys', async () => {
  const keys = [await keyOf(), await keyOf()].map(({ id }) => ['DeleteKey', id, 'DELETED'])
  await destroyed(`vaults/${vaultId}`)
  const events = await eventsOfService()
  expect(events).toHaveLength(3)
  expect(events).toEqual(expect.arrayContaining([['DeleteVault', vaultId, 'DELETED'], ...keys]))
})

test('the destruction of a key', async () => {
  const { id } = await keyOf()
  await destroyed(`keys/${id}`, vaultId)
  expect(await eventsOfService()).toEqual([['DeleteKey', id, 'DELETED']])
})

test('the destruction of a version', async () => {
  const { id, version } = await keyOf()
  await cloud.call(cloud.a, 'POST', `/20180608/keys/${id}/keyVersions`, {}, { host: vaultId })
  await destroyed(`keys/${id}/keyVersions/${version}`, vaultId)
  expect(await eventsOfService()).toEqual([['DeleteKeyVersion', version, 'DELETED']])
})

test('a rotation', async () => {
  const { id } = await keyOf()
  const details = { isAutoRotationEnabled: true, autoKeyRotationDetails: { rotationIntervalInDays: 60 } }
  const changed = await cloud.call(cloud.a, 'PUT', `/20180608/keys/${id}`, details, { host: vaultId })
  expect(changed.status).toBe(200)
  cloud.clock.now += 61 * day
  await cloud.runDue()
  expect(await eventsOfService()).toEqual([['RotateKey', expect.stringContaining('ocid1.keyversion.'), 'ENABLED']])
})
