import { KmsError } from '../../lib/errors.ts'
import { VaultCache } from '../../lib/kms/vaultCache.ts'
import { linkReport } from '../../lib/replication/linkReport.ts'
import { heldVaults } from '../../local/region/heldVaults.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestCloud } from '../harness/twoRegions.ts'
import { makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

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
  expect(await heldVaults(cloud.a.runtime, other.tenancyId)).toEqual({ vaults: [], unverified: [], unopened: [] })
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
    unopened: [],
  })
})

test('vaults that the HSM does not open now are counted as their rows have it, and healthz answers', async () => {
  const [replicated, alone] = [await makeReplicatedVault(cloud), await makeVault(cloud)]
  const away = () => {
    throw new KmsError('unavailable', 'The HSM does not answer.')
  }
  const read = async ({ runtime, store: { tables } }: TestCloud['a']) => {
    const cache = new VaultCache({ tables, hsm: { openVault: away }, clock: runtime.clock }, 0, 1)
    const { vaults, unverified, unopened } = await heldVaults({ ...runtime, cache }, cloud.tenancyId)
    const links = await linkReport({ ...runtime, cache }, 10)
    return { vaults, unverified, unopened: unopened.toSorted((one, other) => (one.id < other.id ? -1 : 1)), links }
  }
  const none = { vaults: [], unverified: [], links: [] }
  expect(await read(cloud.a)).toEqual({
    ...none,
    unopened: [replicated, alone].toSorted().map((id) => ({ id, isReplica: false })),
  })
  expect(await read(cloud.b)).toEqual({ ...none, unopened: [{ id: replicated, isReplica: true }] })
})
