import { heldVaults } from '../../local/region/heldVaults.ts'
import { twoRegions, type TestCloud } from '../harness/twoRegions.ts'
import { makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

let cloud: TestCloud
beforeEach(async () => {
  cloud = await twoRegions()
})
afterEach(() => {
  cloud.close()
})

test('vaults and replicas are told apart, whatever the index shows', async () => {
  const [replicated, alone] = [await makeReplicatedVault(cloud), await makeVault(cloud)]
  Object.assign(cloud.a.store.tables, { queryIndex: () => Promise.resolve({ items: [] }) })
  const [here, there] = [
    await heldVaults(cloud.a.runtime, cloud.tenancyId),
    await heldVaults(cloud.b.runtime, cloud.tenancyId),
  ]
  expect(here.vaults.map(({ id, isReplica }) => [id, isReplica]).toSorted()).toEqual(
    [
      [replicated, false],
      [alone, false],
    ].toSorted(),
  )
  expect(there.vaults).toMatchObject([{ id: replicated, isReplica: true, prefix: expect.any(String) as unknown }])
  const other = await cloud.addTenancy()
  expect(await heldVaults(cloud.a.runtime, other.tenancyId)).toEqual({ vaults: [], unverified: [] })
})

test('one vault that does not verify is named, and hides none of the others', async () => {
  const [altered, whole] = [await makeVault(cloud), await makeVault(cloud)]
  const { store, runtime } = cloud.a
  const change = store.database.prepare(
    "UPDATE item SET body = json_set(body, '$.displayName', 'altered') WHERE tbl = 'Vaults' AND pk = ? AND sk = 'vault'",
  )
  expect(change.run(altered).changes).toBe(1)
  expect(await heldVaults(runtime, cloud.tenancyId)).toEqual({
    vaults: [expect.objectContaining({ id: whole })],
    unverified: [altered],
  })
})
