import { leafCount } from '../../lib/kms/rows/digestTree.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { plantKeys } from '../harness/manyKeys.ts'
import { twoRegions, type TestCloud, type TestRegion } from '../harness/twoRegions.ts'
import { makeReplicatedVault } from '../harness/vaultStory.ts'

/** What both regions read of their tables: how often, and how many rows. */
interface Reads {
  requests: number
  rows: number
}

function countReads(regions: readonly TestRegion[]): Reads {
  const reads: Reads = { requests: 0, rows: 0 }
  for (const { tables } of regions.map(({ store }) => store)) {
    const get = tables.get.bind(tables)
    const query = tables.query.bind(tables)
    Object.assign(tables, {
      get: (...of: Parameters<typeof get>) => {
        reads.requests += 1
        reads.rows += 1
        return get(...of)
      },
      query: async (...of: Parameters<typeof query>) => {
        const page = await query(...of)
        reads.requests += 1
        reads.rows += page.items.length
        return page
      },
    })
  }
  return reads
}

async function during(reads: Reads, work: () => Promise<void>): Promise<Reads> {
  const before = { ...reads }
  await work()
  return { requests: reads.requests - before.requests, rows: reads.rows - before.rows }
}

/** A change that neither the hand-off nor the stream brought over. */
async function loseChange(cloud: TestCloud, vaultId: string, keyId: string): Promise<void> {
  cloud.link.isUp = false
  await cloud.call(cloud.a, 'PUT', `/20180608/keys/${keyId}`, { displayName: 'changed' }, { host: vaultId })
  const { tables } = cloud.a.store
  await tables.trimChanges((await tables.readChanges(0, 1000)).at(-1)?.seq ?? 0)
  cloud.link.isUp = true
}

/** Of a vault with so many keys: to find that nothing differs, and to find and mend the one key that does. */
async function readsFor(keys: number): Promise<{ equal: Reads; changed: Reads }> {
  const cloud = await twoRegions()
  try {
    const vaultId = await makeReplicatedVault(cloud)
    const [keyId = ''] = await plantKeys(cloud, vaultId, keys)
    const reads = countReads([cloud.a, cloud.b])
    const compare = async () => {
      await reconcile(cloud.a.runtime)
      await cloud.settle()
    }
    const equal = await during(reads, compare)
    await loseChange(cloud, vaultId, keyId)
    const changed = await during(reads, compare)
    const there = await cloud.call(cloud.b, 'GET', `/20180608/keys/${keyId}`, undefined, { host: vaultId })
    expect(there.body).toMatchObject({ displayName: 'changed' })
    return { equal, changed }
  } finally {
    cloud.close()
  }
}

/** Leaves are read as they lie, 1,024 small rows at most; of the keys those of one leaf, and the few that are recounted. */
const others = { requests: 300, rows: 600 }

test('of a vault with ten times the keys a comparison asks no more often, whether nothing differs or one key does', async () => {
  const [few, many] = [await readsFor(300), await readsFor(3000)]
  for (const { equal, changed } of [few, many]) {
    for (const { requests } of [equal, changed]) expect(requests).toBeLessThanOrEqual(others.requests)
    expect(equal.rows).toBeLessThanOrEqual(2 * leafCount + others.rows)
    expect(changed.rows).toBeLessThanOrEqual(6 * leafCount + others.rows)
  }
})
