import type { Tables, Write } from '../../lib/ports.ts'
import { taken, workInboxOf } from '../harness/deliveries.ts'
import { cloudOfEachTest } from '../harness/cloudOfEachTest.ts'
import { makeKey, makeReplicatedVault } from '../harness/vaultStory.ts'

/** What a replica does for a record, and what it does not: a record that says nothing new costs no write, a new key no count. */

const cloud = cloudOfEachTest()
let vaultId: string
let keyId: string
let record: readonly string[]
beforeEach(async () => {
  vaultId = await makeReplicatedVault(cloud)
  await cloud.settle()
  keyId = String((await makeKey(cloud, vaultId)).body['id'])
  record = (await taken(cloud.b, 'inbox')).filter((text) => text.includes(keyId))
})

interface Uses {
  readonly writes: Write[]
  /** Reads of all versions of the key. */
  counts: number
}

function watched(): Uses {
  const { tables } = cloud.b.store
  const [write, query] = [tables.write.bind(tables), tables.query.bind(tables)]
  const uses: Uses = { writes: [], counts: 0 }
  const watching: Pick<Tables, 'write' | 'query'> = {
    write: (writes, id) => {
      uses.writes.push(...writes)
      return write(writes, id)
    },
    query: (table, pk, prefix, request) => {
      if (table === 'Keys' && pk === keyId) uses.counts += 1
      return query(table, pk, prefix, request)
    },
  }
  Object.assign(tables, watching)
  return uses
}

async function deliver(): Promise<void> {
  await cloud.b.store.queues.send(
    'inbox',
    record.slice(-1).map((body) => ({ body })),
  )
  expect(await workInboxOf(cloud.b)).toEqual([{ outcome: 'done' }])
}

const putsOf = ({ writes }: Uses, table: string) => writes.filter((each) => each.op === 'put' && each.table === table)

test('a new key is stored with its digest without reading its versions', async () => {
  const uses = watched()
  await deliver()
  expect(putsOf(uses, 'Keys')).toHaveLength(2)
  expect(uses.counts).toBe(0)
})

test('the same record again is acknowledged and writes nothing of the key', async () => {
  await deliver()
  const acknowledged = await taken(cloud.a, 'outcome')
  const uses = watched()
  await deliver()
  expect(putsOf(uses, 'Keys')).toEqual([])
  expect(uses.writes.filter((each) => JSON.stringify(each).includes(keyId))).toEqual([])
  expect(await taken(cloud.a, 'outcome')).toHaveLength(acknowledged.length)
})

test('where what is known of its versions is gone they are counted, and the key is known again', async () => {
  await deliver()
  const { tables } = cloud.b.store
  const known = await tables.get('Replication', `stored#${keyId}`, 'coverage')
  await tables.write([{ op: 'delete', table: 'Replication', pk: `stored#${keyId}`, sk: 'coverage' }])
  const uses = watched()
  await deliver()
  expect(uses.counts).toBeGreaterThan(0)
  expect(putsOf(uses, 'Keys')).toEqual([])
  const again = await tables.get('Replication', `stored#${keyId}`, 'coverage')
  expect([again?.['versions'], again?.['whole']]).toEqual([known?.['versions'], known?.['whole']])
})
