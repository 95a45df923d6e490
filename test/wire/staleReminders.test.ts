import { storeReminder, type Due } from '../../lib/kms/reminders.ts'
import { materialIdOf } from '../../lib/ocid.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeVault } from '../harness/vaultStory.ts'

/** A reminder that says another time than its resource's row destroys nothing. */

const day = 86_400_000
const cloud = cloudOfEachTest()

type Place = Pick<Due, 'keyId' | 'materialId'>

test.each(['vault', 'key', 'version'] as const)('of a %s', async (what) => {
  const vaultId = await makeVault(cloud)
  const { body } = await makeKey(cloud, vaultId)
  const [keyId, versionId] = [String(body['id']), String(body['currentKeyVersion'])]
  await cloud.call(cloud.a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
  const places: Record<typeof what, Place & { readonly target: string; readonly host: string }> = {
    vault: { keyId: null, materialId: null, target: `vaults/${vaultId}`, host: 'region' },
    key: { keyId, materialId: null, target: `keys/${keyId}`, host: vaultId },
    version: {
      keyId,
      materialId: materialIdOf(versionId) ?? '',
      target: `keys/${keyId}/keyVersions/${versionId}`,
      host: vaultId,
    },
  }
  const { target, host, ...place } = places[what]
  const at = (days: number) => new Date(cloud.clock.now + days * day).toISOString()
  const [stale, timeOfDeletion] = [at(8), at(20)]
  const scheduled = await cloud.call(
    cloud.a,
    'POST',
    `/20180608/${target}/actions/scheduleDeletion`,
    { timeOfDeletion },
    { host },
  )
  expect(scheduled.status).toBe(200)
  await cloud.a.store.tables.write(storeReminder({ kind: 'deletion', vaultId, ...place, at: stale }))
  const stateAfter = async (days: number) => {
    cloud.clock.now += days * day
    await cloud.runDue()
    return (await cloud.call(cloud.a, 'GET', `/20180608/${target}`, undefined, { host })).body['lifecycleState']
  }
  expect(await stateAfter(9)).toBe('PENDING_DELETION')
  expect(await stateAfter(12)).toBe('DELETED')
})
