import { tableContract } from '../store/tableContract.ts'
import type { TableHarness } from '../store/tableHarness.ts'
import { tableModelLaw } from '../store/tableModel.ts'
import { SimulatedTables } from './simulatedTables.ts'

async function open(indexLagMs = 0): Promise<TableHarness> {
  let time = 1_800_000_000_000
  const tables = new SimulatedTables({ now: () => time, indexLagMs: () => indexLagMs, isStrict: true })
  return {
    tables: {
      get: async (table, pk, sk) => tables.get(table, pk, sk),
      query: async (table, pk, prefix, page) => tables.query(table, pk, prefix, page),
      queryIndex: async (table, index, gpk, page) => tables.queryIndex(table, index, gpk, page),
      scan: async (table, page) => tables.scan(table, page),
      write: async (writes, writeId) => tables.write(writes, writeId),
      advance: async (pk, sk, step) => tables.advance(pk, sk, step),
    },
    advance: (ms) => {
      time += ms
    },
    now: () => time,
    commitsInOrder: true,
    showsExpired: false,
    commitGrainMs: 0,
    changes: async () =>
      Object.values(tables.changes)
        .flat()
        .sort((left, right) => left.number - right.number),
    sweep: async () => {
      tables.sweep()
    },
    close: async () => undefined,
  }
}

tableContract('the simulated tables', () => open())
tableContract('the simulated tables whose indexes lag', () => open(300))

test.each([0, 300])('the simulated tables are left as the model is, indexes lagging by %i ms', async (lag) => {
  await tableModelLaw(() => open(lag), 200)
})

test('a fork goes its own way', async () => {
  const now = () => 1_800_000_000_000
  const tables = new SimulatedTables({ now })
  const put = (of: SimulatedTables, n: number) =>
    of.write([{ op: 'put', table: 'Keys', item: { pk: 'a', sk: 'b', n, gpk: 'all', byTime: 'b' } }])
  put(tables, 1)
  const fork = tables.fork({ now })
  put(fork, 2)
  put(tables, 3)
  const seen = [tables, fork].map((each) => [
    each.get('Keys', 'a', 'b')?.['n'],
    each.queryIndex('Keys', 'byTime', 'all', { limit: 1 }).items[0]?.['n'],
  ])
  expect(seen).toEqual([
    [3, 3],
    [2, 2],
  ])
})
