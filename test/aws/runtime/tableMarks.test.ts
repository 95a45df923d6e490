import { randomUUID } from 'node:crypto'
import { markKnownToPeers } from '../../../lib/aws/putBack/markKnownToPeers.ts'
import { checkMarks, endPutBack, marksPk, standingOf } from '../../../lib/aws/putBack/tableMarks.ts'
import { TableStanding } from '../../../lib/aws/putBack/tableStanding.ts'
import type { Tables, TableName } from '../../../lib/ports.ts'
import { noteMarks } from '../../../lib/replication/peerMarks.ts'
import { jsonLogger } from '../../../lib/runtime/jsonLogger.ts'
import { systemTimers } from '../../../lib/runtime/systemTimers.ts'
import { openSqliteRegionStore, type SqliteRegionStore } from '../../../lib/store/sqlite/openSqliteRegionStore.ts'
import { tableDefinitions } from '../../../lib/store/dynamodb/tableDefinitions.ts'
import { coded } from '../../hsm/contract/fixtures.ts'

const log = jsonLogger(() => undefined, 'silent')
const all = Object.keys(tableDefinitions) as TableName[]
const minute = 60_000

let now: number
let store: SqliteRegionStore
let peer: { known: number; asked: number }
beforeEach(() => {
  now = 1_800_000_000_000
  store = openSqliteRegionStore({ file: ':memory:', clock: () => now, newId: randomUUID })
  peer = { known: 0, asked: 0 }
})
afterEach(() => {
  store.close()
})

const known = async () => {
  peer.asked += 1
  return peer.known
}
const ports = () => ({ tables: store.tables, clock: () => now, known })
const check = () => checkMarks(ports())

/** As a restored table has it: what was there at an earlier mark. */
async function putBack(revision: number, ...tables: readonly TableName[]): Promise<void> {
  for (const table of tables)
    await store.tables.write([{ op: 'put', table, item: { pk: marksPk, sk: 'mark', revision } }])
}

test('the mark is one number in all tables, and goes up each time', async () => {
  for (const mark of [1, 2, 3]) expect(await check()).toEqual({ mark })
  for (const table of all) expect(await store.tables.get(table, marksPk, 'mark')).toMatchObject({ revision: 3 })
})

test.each(all)('of the table %s alone it is found that it was put back', async (table) => {
  for (const _ of [1, 2, 3]) await check()
  await putBack(1, table)
  expect(await check()).toEqual({ putBack: { tables: [table], has: 1, knows: 3 } })
})

test('of all of them together it is found by what a peer knows', async () => {
  for (const _ of [1, 2, 3]) await check()
  await putBack(2, ...all)
  expect(await check()).toEqual({ mark: 3 })
  await putBack(2, ...all)
  peer.known = 3
  expect(await check()).toEqual({ putBack: { tables: all, has: 2, knows: 3 } })
})

test('tables that were emptied are behind too', async () => {
  peer.known = 7
  expect(await check()).toEqual({ putBack: { tables: all, has: 0, knows: 7 } })
})

test('what was found stands while the peer is away, and is over once the newer tables are back', async () => {
  peer.known = 5
  await putBack(4, ...all)
  await check()
  peer.known = 0
  expect(await check()).toMatchObject({ putBack: { knows: 5 } })
  await putBack(5, ...all)
  expect(await check()).toEqual({ mark: 6 })
  expect((await standingOf(store.tables))?.putBack).toBeNull()
})

test('what was recovered counts on from what the peers know', async () => {
  peer.known = 9
  await putBack(4, ...all)
  await check()
  await endPutBack(ports(), 9)
  expect((await standingOf(store.tables))?.putBack).toBeNull()
  expect(await check()).toEqual({ mark: 11 })
})

test('of runs at the same time none takes the other for a table that was put back', async () => {
  await check()
  for (let round = 0; round < 20; round += 1) {
    const found = await Promise.all([check(), check(), check()])
    for (const each of found) expect(each).toEqual({ mark: expect.any(Number) as number })
  }
})

describe('an instance', () => {
  let metered: number
  const standing = (tables: Pick<Tables, 'get' | 'write'> = store.tables) =>
    new TableStanding({
      ...ports(),
      tables,
      region: 'us-east-1',
      log,
      onPutBack: () => {
        metered += 1
      },
    })
  const refused = coded('unavailable')
  beforeEach(() => {
    metered = 0
  })

  test('asks no peer where reconcile has looked lately, and knows the mark that messages name', async () => {
    await check()
    peer.asked = 0
    const instance = standing()
    await instance.require()
    expect([instance.mark, peer.asked]).toEqual([1, 0])
  })

  test('refuses within ten seconds of reconcile’s finding, and serves within ten of the recovery', async () => {
    await check()
    const instance = standing()
    await instance.require()
    peer.known = 8
    await expect(standing().check()).rejects.toEqual(refused)
    expect(metered).toBe(1)
    now += 10_000
    await expect(instance.require()).rejects.toEqual(refused)
    await expect(standing().require()).rejects.toEqual(refused)
    await endPutBack(ports(), 8)
    await instance.require()
  })

  test('asks the peers itself where the last look is old, as it is in a table that was put back', async () => {
    await check()
    peer.known = 2
    now += 9 * minute
    await standing().require()
    now += minute
    await expect(standing().require()).rejects.toEqual(refused)
  })

  test('asks once in ten minutes while reconcile stands still, and serves', async () => {
    await check()
    peer.known = 1
    peer.asked = 0
    now += 20 * minute
    const instance = standing()
    for (let call = 0; call < 30; call += 1) {
      await instance.require()
      now += 11_000
    }
    expect(peer.asked).toBe(1)
  })

  test('serves on while the table cannot be read, and does not begin so', async () => {
    await check()
    let isDown = false
    const tables: Pick<Tables, 'get' | 'write'> = {
      get: (...args) => (isDown ? Promise.reject(new Error('down')) : store.tables.get(...args)),
      write: (...args) => store.tables.write(...args),
    }
    const instance = standing(tables)
    await instance.require()
    isDown = true
    now += minute
    await instance.require()
    await expect(standing(tables).require()).rejects.toThrow('down')
  })
})

test('of the peers the one that knows most is believed, and one that is away holds nobody up', async () => {
  const other = openSqliteRegionStore({ file: ':memory:', clock: () => now, newId: randomUUID })
  await noteMarks(other.tables, [{ source: 'us-east-1', mark: 12 }])
  await noteMarks(other.tables, [{ source: 'us-east-1', mark: 11 }])
  const away: Pick<Tables, 'get'> = { get: () => Promise.reject(new Error('away')) }
  const tablesOf = (region: string) => (region === 'us-west-2' ? other.tables : away)
  const asking = { region: 'us-east-1', tablesOf, timers: systemTimers, log }
  expect(await markKnownToPeers({ ...asking, peers: ['us-west-2', 'eu-west-1'] })).toBe(12)
  expect(await markKnownToPeers({ ...asking, peers: ['eu-west-1'] })).toBe(0)
  other.close()
})
