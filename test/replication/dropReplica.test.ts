import { dropReplica } from '../../lib/replication/takeBack/takeBack.ts'
import { tablesWith } from '../../lib/tablesWith.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { regionB, type TestCloud } from '../harness/twoRegions.ts'
import { makeReplicatedVault } from '../harness/vaultStory.ts'

/** What ends a link whose other side is gone, in a region that serves meanwhile. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
})

const rowIn = async ({ runtime }: TestCloud['a']) => (await runtime.cache.freshVault(vaultId))?.row

test('a change of the vault that comes in between is kept, and the link ends all the same', async () => {
  const { runtime } = cloud.a
  const { tables } = runtime
  let isChanged = false
  const busy = tablesWith(tables, {
    write: async (...call) => {
      if (!isChanged) {
        isChanged = true
        await cloud.call(cloud.a, 'PUT', `/20180608/vaults/${vaultId}`, { displayName: 'meanwhile' })
      }
      return tables.write(...call)
    },
  })
  const before = await rowIn(cloud.a)
  await dropReplica({ ...runtime, tables: busy }, vaultId, (before?.fence ?? 0) + 1)
  expect(await rowIn(cloud.a)).toMatchObject({
    displayName: 'meanwhile',
    replicaRegion: null,
    replicaStatus: null,
    handOffTo: null,
    fence: (before?.fence ?? 0) + 1,
  })
})

test('a replica here of a vault that has its source elsewhere is none of its links', async () => {
  const before = await rowIn(cloud.b)
  expect(before).toMatchObject({ replicaRegion: regionB })
  await dropReplica(cloud.b.runtime, vaultId, (before?.fence ?? 0) + 1)
  expect(await rowIn(cloud.b)).toEqual(before)
})
