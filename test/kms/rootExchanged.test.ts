import { VaultCache, vaultKeysSk } from '../../lib/kms/vaultCache.ts'
import type { Item } from '../../lib/ports.ts'
import { tablesWith } from '../../lib/tablesWith.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeVault } from '../harness/vaultStory.ts'

const cloud = cloudOfEachTest()

/** A cache whose first readings of a vault's keys are what no root of this region opens for it any more. */
async function cacheReading(vaultId: string, timesOld: number): Promise<VaultCache> {
  const { runtime } = cloud.a
  const { tables } = runtime
  // Another vault's open as little as those that a root that is gone has wrapped.
  const old = await tables.get('Vaults', await makeVault(cloud), vaultKeysSk)
  let reads = 0
  const late = tablesWith(tables, {
    get: async (table, pk, sk) => {
      if (pk !== vaultId || sk !== vaultKeysSk) return tables.get(table, pk, sk)
      reads += 1
      return reads <= timesOld ? ({ ...old, pk } as Item) : tables.get(table, pk, sk)
    },
  })
  return new VaultCache({ ...runtime, tables: late }, 0)
}

test('keys that were read before their root was exchanged, and opened after it, are read once more', async () => {
  const vaultId = await makeVault(cloud)
  const cache = await cacheReading(vaultId, 1)
  expect((await cache.freshVault(vaultId))?.row.id).toBe(vaultId)
})

test('keys that no root opens are called altered', async () => {
  const vaultId = await makeVault(cloud)
  const cache = await cacheReading(vaultId, Infinity)
  await expect(cache.freshVault(vaultId)).rejects.toMatchObject({ code: 'integrityFailure' })
})
