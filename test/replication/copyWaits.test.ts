import { copyKeys } from '../../lib/replication/link/linkSource.ts'
import { parseTask } from '../../lib/replication/messages/task.ts'
import { treeStart } from '../../lib/kms/rows/digestTree.ts'
import { twoRegions } from '../harness/twoRegions.ts'
import { createReplica, makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'

test('a page of the copy that cannot be sent is what the copy goes on with', async () => {
  const cloud = await twoRegions()
  try {
    await makeReplicatedVault(cloud)
    const vaultId = await makeVault(cloud)
    await makeKey(cloud, vaultId)
    await createReplica(cloud, vaultId)
    const handsOff = async () => (await cloud.a.runtime.cache.freshVault(vaultId))?.row
    for (let round = 0; round < 20 && (await handsOff())?.handOffTo === null; round += 1) await cloud.settle(1)
    cloud.link.isUp = false
    const { tables, queues } = cloud.a.store
    const fence = (await handsOff())?.fence ?? 0
    const read = () => tables.query('Replication', `confirmed#${vaultId}`, '', { limit: 1 })
    // The first attempt, with the link up, has got to the end already.
    for (const { pk, sk } of (await read()).items) await tables.write([{ op: 'delete', table: 'Replication', pk, sk }])
    const task = { task: 'copy', vaultId, fence, ...treeStart } as const
    await copyKeys(cloud.a.runtime, task)
    expect((await read()).items).toEqual([])
    cloud.clock.now += 2000
    const waiting = await queues.receive('outcome', 10)
    expect(waiting.map(({ body }) => parseTask(body))).toContainEqual(expect.objectContaining(task))
  } finally {
    cloud.close()
  }
})
