import { leafOf, treeProgress, treeRemains } from '../../lib/kms/rows/digestTree.ts'
import { everyKeyId } from '../../lib/kms/rows/everyKey.ts'
import type { Tables } from '../../lib/ports.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { taskText } from '../../lib/replication/messages/task.ts'
import { taken, workInboxOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import type { TestRegion } from '../harness/twoRegions.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'
import { storedRows } from './sameRows.ts'

/** Vaults of 0.1.0, which had no digests: each region takes its keys into them, a page at a time. */

const cloud = cloudOfEachTest()
let vaultId: string
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  for (let count = 0; count < 3; count += 1) await makeKey(cloud, vaultId)
  await cloud.settle()
})

/** As a region of 0.1.0 left it. */
async function forgetDigests({ store: { tables } }: TestRegion): Promise<void> {
  for await (const { pk, sk } of rowsOfDigests(tables))
    await tables.write([{ op: 'delete', table: 'Replication', pk, sk }])
  await tables.write(await treeRemains(tables, vaultId))
}

async function* rowsOfDigests(tables: Tables): AsyncGenerator<{ readonly pk: string; readonly sk: string }> {
  const ids: string[] = []
  for await (const id of everyKeyId(tables, vaultId)) ids.push(id)
  for (const id of ids) {
    yield { pk: `tree#${vaultId}#${String(leafOf(id)).padStart(4, '0')}`, sk: id }
    yield { pk: `stored#${id}`, sk: 'coverage' }
  }
}

const isWhole = async ({ store }: TestRegion) => (await treeProgress(store.tables, vaultId))?.isWhole ?? false
const tasks = async (region: TestRegion) =>
  (await taken(region, 'inbox')).filter((text) => text.includes('adoptKeys')).length

test('a replica that is asked before its keys are in the digests goes on until they are, and answers the next question', async () => {
  const before = await storedRows(cloud.a, vaultId)
  await forgetDigests(cloud.b)
  cloud.clock.now += 10_000
  await reconcile(cloud.a.runtime)
  expect(await isWhole(cloud.b)).toBe(false)
  await cloud.settle()
  expect(await isWhole(cloud.b)).toBe(true)
  expect(await storedRows(cloud.b, vaultId)).toEqual(before)
  const asked = cloud.clock.now
  await reconcile(cloud.a.runtime)
  await cloud.settle()
  const compared = await cloud.a.store.tables.get('Replication', 'compared', vaultId)
  expect(Number(compared?.['agreedAt'])).toBeGreaterThanOrEqual(asked)
})

test('the work ends with the last page, and is none for the primary or for a vault that is gone', async () => {
  await forgetDigests(cloud.b)
  const task = taskText({ task: 'adoptKeys', vaultId })
  const work = async (region: TestRegion) => {
    await region.store.queues.send('inbox', [{ body: task }])
    await workInboxOf(region)
    return tasks(region)
  }
  await forgetDigests(cloud.a)
  expect(await work(cloud.a)).toBe(0)
  expect(await isWhole(cloud.a)).toBe(false)
  expect(await work(cloud.b)).toBe(1)
  while ((await work(cloud.b)) > 0) expect(await isWhole(cloud.b)).toBe(false)
  expect(await isWhole(cloud.b)).toBe(true)
  const gone = taskText({ task: 'adoptKeys', vaultId: 'ocid1.vault.oc1.iad.gone' })
  await cloud.b.store.queues.send('inbox', [{ body: gone }])
  expect(await workInboxOf(cloud.b)).toEqual([{ outcome: 'done' }])
  expect(await tasks(cloud.b)).toBe(0)
})
