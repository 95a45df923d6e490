import { eachPage } from '../../lib/kms/rows/pages.ts'
import { queueContract } from './queueContract.ts'
import { openFileStore, openStore } from './sqliteHarness.ts'
import { tableContract } from './tableContract.ts'
import { tableModelLaw } from './tableModel.ts'

/** A lag that differs from change to change and from run to run in no way. */
function seededLag(): () => number {
  let state = 42
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state % 400
  }
}

const openMemory = async (): Promise<ReturnType<typeof openStore>> => openStore(':memory:')

tableContract('SQLite in memory', openMemory)
tableContract('SQLite in memory with lagging indexes', async () => openStore(':memory:', { indexLagMs: seededLag() }))
tableContract('SQLite in a file', openFileStore)
queueContract('SQLite in memory', openMemory)
queueContract('SQLite in a file', openFileStore)

describe('the SQLite tables', () => {
  test('let the event loop go on between the pages of a long read, however many read at once', async () => {
    const { tables, close } = openStore(':memory:')
    for (let from = 0; from < 3000; from += 100) {
      await tables.write(
        Array.from({ length: 100 }, (_, n) => ({
          op: 'put',
          table: 'Keys',
          item: { pk: 'p', sk: String(from + n).padStart(4, '0') },
        })),
      )
    }
    let inThisTurn = 0
    let most = 0
    const count = () => {
      most = Math.max(most, inThisTurn)
      inThisTurn = 0
      if (isReading) setImmediate(count)
    }
    let isReading = true
    setImmediate(count)
    const read = async () => {
      for await (const items of eachPage((page) => tables.query('Keys', 'p', '', page), { limit: 300 })) {
        inThisTurn += items.length
      }
    }
    await Promise.all(Array.from({ length: 5 }, read))
    isReading = false
    expect(most).toBeLessThanOrEqual(900)
    await close()
  })

  test('do what a plain map would do, whatever the order of calls', async () => {
    await tableModelLaw(openMemory, 300)
  })

  test('show in a lagging index a state of the past and never a torn item', async () => {
    const { tables, advance, close } = openStore(':memory:', { indexLagMs: () => 500 })
    const put = async (byTime: string): Promise<void> => {
      await tables.write([{ op: 'put', table: 'Keys', item: { pk: 'p', sk: 'k', gpk: 'g', byTime } }])
    }
    const listed = async (): Promise<readonly unknown[]> =>
      (await tables.queryIndex('Keys', 'byTime', 'g', { limit: 9 })).items.map(({ byTime }) => byTime)
    await put('1')
    expect(await listed()).toEqual([])
    advance(300)
    await put('2')
    advance(200)
    expect(await listed()).toEqual(['1'])
    advance(300)
    expect(await listed()).toEqual(['2'])
    await close()
  })
})
