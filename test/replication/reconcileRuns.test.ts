import { treeEntry } from '../../lib/kms/rows/digestTree.ts'
import { reconcile } from '../../lib/replication/reconcile.ts'
import { recount, recountSome } from '../../lib/replication/recount.ts'
import { bodyOf, taken } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { createReplica, deleteReplica, makeKey, makeReplicatedVault, makeVault } from '../harness/vaultStory.ts'
import { tablesWith } from '../../lib/tablesWith.ts'

/** A run of reconciliation has an end, and the next one goes on from there. */

const cloud = cloudOfEachTest()

/** The vaults that a run asks about, in its order. */
async function asked(clock = cloud.a.runtime.clock): Promise<readonly string[]> {
  await reconcile({ ...cloud.a.runtime, clock })
  const bodies = (await taken(cloud.b, 'inbox')).map(bodyOf)
  return bodies.flatMap((body) => (body.kind === 'compare' ? [body.vaultId] : []))
}

async function makeVaults(count: number): Promise<readonly string[]> {
  const ids = [await makeReplicatedVault(cloud)]
  while (ids.length < count) {
    const id = await makeVault(cloud)
    await createReplica(cloud, id)
    ids.push(id)
  }
  await cloud.settle()
  return ids.sort()
}

test('it asks about every vault; where its time is over, about those after the last one the next time', async () => {
  const ids = await makeVaults(3)
  expect(await asked()).toEqual(ids)
  let now = cloud.clock.now
  const hurried = () => (now += 15_000)
  const first = await asked(hurried)
  expect(first).toEqual(ids.slice(0, first.length))
  expect(first.length).toBeLessThan(3)
  expect(await asked()).toEqual(ids.slice(first.length))
  expect(await asked()).toEqual(ids)
})

test('it asks nobody about a vault whose replica is away, and a vault that fails stops no other', async () => {
  const ids = await makeVaults(3)
  await deleteReplica(cloud, ids[0] ?? '')
  await taken(cloud.b, 'inbox')
  const { tables } = cloud.a.store
  const vault = await tables.get('Vaults', ids[1] ?? '', 'vault')
  await tables.write([{ op: 'put', table: 'Vaults', item: { ...vault, pk: ids[1] ?? '', sk: 'vault', mac: 'AAAA' } }])
  expect(await asked()).toEqual(ids.slice(2))
})

describe('rows are counted again', () => {
  async function keys(count: number): Promise<{ vaultId: string; keyIds: readonly string[] }> {
    const vaultId = await makeReplicatedVault(cloud)
    const keyIds: string[] = []
    for (let index = 0; index < count; index += 1) keyIds.push(String((await makeKey(cloud, vaultId)).body['id']))
    await cloud.settle()
    return { vaultId, keyIds }
  }

  const vaultAt = async (region: typeof cloud.a, vaultId: string) => {
    const vault = await region.runtime.cache.freshVault(vaultId)
    if (vault === undefined) throw new Error('The vault is missing.')
    return vault
  }

  test('a few at a time, until every key had its turn', async () => {
    const { vaultId, keyIds } = await keys(45)
    const vault = await vaultAt(cloud.a, vaultId)
    const { tables } = cloud.a.store
    const seen: string[] = []
    const watched = tablesWith(tables, {
      query: (table, pk, ...of) => {
        if (table === 'Keys') seen.push(pk)
        return tables.query(table, pk, ...of)
      },
    })
    const counts: number[] = []
    for (let round = 0; round < 3; round += 1) {
      await recountSome({ ...cloud.a.runtime, tables: watched }, vault)
      counts.push(seen.length)
    }
    // Twenty, and what else lies in the leaf of the last of them; most leaves have one key.
    const [first = 0, second = 0, third] = counts
    expect([first >= 20 && first < 30, second >= first + 5 && second < 60, third]).toEqual([true, true, 45])
    expect(seen.toSorted()).toEqual(keyIds.toSorted())
    await recountSome({ ...cloud.a.runtime, tables: watched }, vault)
    expect(seen.slice(45)).toEqual(seen.slice(0, first))
  })

  test('at the primary, too, where what is stored decides; a replica’s own rows stay a replica’s', async () => {
    const { vaultId, keyIds } = await keys(1)
    const [keyId = ''] = keyIds
    for (const region of [cloud.a, cloud.b]) {
      const vault = await vaultAt(region, vaultId)
      const { tables } = region.store
      const entry = await treeEntry(tables, vaultId, keyId)
      await recount(region.runtime, vault, keyId)
      expect(await treeEntry(tables, vaultId, keyId)).toEqual(entry)
      await tables.write([{ op: 'delete', table: 'Keys', pk: keyId, sk: 'key' }])
      await recount(region.runtime, vault, keyId)
      expect(await treeEntry(tables, vaultId, keyId)).toBeUndefined()
    }
    const coverage = ({ store }: typeof cloud.a) => store.tables.get('Replication', `stored#${keyId}`, 'coverage')
    expect(await coverage(cloud.a)).toBeUndefined()
    expect(await coverage(cloud.b)).toMatchObject({ whole: null })
  })
})
