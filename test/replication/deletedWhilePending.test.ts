import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { twoRegions } from '../harness/twoRegions.ts'

const day = 86_400_000

test('a version that was pending when its vault was deleted is not enabled any more, in no region', async () => {
  const cloud = await twoRegions({ isStrict: true })
  try {
    const { a, b, call, clock, link } = cloud
    const vaultId = await makeReplicatedVault(cloud)
    const keyId = String((await makeKey(cloud, vaultId)).body['id'])
    await cloud.settle()
    link.isUp = false
    const rotated = await call(a, 'POST', `/20180608/keys/${keyId}/keyVersions`, {}, { host: vaultId })
    expect(rotated.status).toBe(503)
    const timeOfDeletion = new Date(clock.now + 8 * day).toISOString()
    await call(a, 'POST', `/20180608/vaults/${vaultId}/actions/scheduleDeletion`, { timeOfDeletion })
    clock.now += 9 * day
    await cloud.runDue()
    const statesIn = async ({ store }: typeof a) =>
      (await store.tables.query('Keys', keyId, '', { limit: 50 })).items.map(({ sk, lifecycleState }) => [
        sk,
        lifecycleState,
      ])
    const isGone = (states: readonly unknown[][]) => states.every(([, state]) => state === 'DELETED')
    expect(isGone(await statesIn(a))).toBe(true)
    const rows = (await a.store.tables.query('Keys', keyId, '', { limit: 50 })).items
    expect(rows.find(({ sk }) => sk === 'key')?.['pendingKeyVersion']).not.toBeNull()
    link.isUp = true
    await cloud.settle()
    expect(await statesIn(b)).toHaveLength(rows.length)
    for (const region of [a, b]) expect((await statesIn(region)).filter((each) => !isGone([each]))).toEqual([])
  } finally {
    cloud.close()
  }
})
