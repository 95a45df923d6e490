import { recount } from '../../lib/replication/recount.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { taken, workInboxOf, workOutcomeOf } from '../harness/deliveries.ts'
import { twoRegions } from '../harness/twoRegions.ts'
import { changeIn, makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

test('a receipt for what the replica has lost is believed no longer, until another comes', async () => {
  const cloud = await twoRegions()
  const vaultId = await makeReplicatedVault(cloud)
  const { id, replicationId } = changeIn((await makeKey(cloud, vaultId)).body)
  await cloud.settle()
  const status = async () => {
    const target = `/20180608/replicaOperations/${replicationId}/status`
    const { body } = await cloud.call(cloud.a, 'GET', target, undefined, { host: vaultId })
    return (body['replicaDetails'] as readonly Record<string, unknown>[])[0]?.['status']
  }
  expect(await status()).toBe('REPLICATED')
  const { cache, tables } = cloud.b.runtime
  await tables.write([{ op: 'delete', table: 'Keys', pk: id, sk: 'key' }])
  const vault = await cache.freshVault(vaultId)
  if (vault === undefined) throw new Error('The replica is gone.')
  await recount(cloud.b.runtime, vault, id)
  cloud.clock.now += 60_000
  await reconcile(cloud.a.runtime)
  // The question by leaves, and the one by keys.
  for (let round = 0; round < 2; round += 1) {
    await workInboxOf(cloud.b)
    await workOutcomeOf(cloud.a)
  }
  // What was sent again is lost on its way.
  expect(await taken(cloud.b, 'inbox')).toHaveLength(1)
  expect(await status()).toBe('REPLICATING')
  cloud.close()
})
