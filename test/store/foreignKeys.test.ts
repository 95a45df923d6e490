import { DatabaseSync } from 'node:sqlite'
import { openStore, withFile } from './sqliteHarness.ts'
import { anItem } from './tableHarness.ts'

/** Changes columns behind the adapter's back, as who can write to the file may. */
function alter(file: string, sql: string): void {
  const database = new DatabaseSync(file)
  database.exec(sql)
  database.close()
}

const listed = anItem('p', { gpk: 'g', byTime: '1', byName: 'n', expiresAt: 4_000_000_000 })
const refusal = { code: 'integrityFailure' }

/** On DynamoDB keys and index keys are the item's own members: there is no second place that could differ. */
describe('a row whose body has other keys than its columns', () => {
  test.each([
    ['pk', "UPDATE item SET pk = 'q'", ['q', 'row']],
    ['sk', "UPDATE item SET sk = 'other'", ['p', 'other']],
    ['gpk', "UPDATE item SET gpk = 'h'", ['p', 'row']],
    ['byTime', "UPDATE item SET by_time = '2'", ['p', 'row']],
    ['byName', "UPDATE item SET by_name = 'm'", ['p', 'row']],
    ['expiresAt', 'UPDATE item SET expires_at = NULL', ['p', 'row']],
  ] as const)('is refused by get, %s', (_, sql, [pk, sk]) =>
    withFile(async (file) => {
      const before = openStore(file)
      await before.tables.write([{ op: 'put', table: 'Keys', item: listed }])
      expect(await before.tables.get('Keys', 'p', 'row')).toEqual(listed)
      await before.close()
      alter(file, sql)
      const { tables, close } = openStore(file)
      await expect(tables.get('Keys', pk, sk)).rejects.toMatchObject(refusal)
      await expect(tables.query('Keys', pk, '', { limit: 9 })).rejects.toMatchObject(refusal)
      await close()
    }),
  )

  test.each(['byTime', 'byName'] as const)('is refused by a query of %s', (index) =>
    withFile(async (file) => {
      const before = openStore(file)
      await before.tables.write([{ op: 'put', table: 'Keys', item: listed }])
      await before.close()
      alter(file, "UPDATE item SET gpk = 'h'")
      const { tables, close } = openStore(file)
      await expect(tables.queryIndex('Keys', index, 'h', { limit: 9 })).rejects.toMatchObject(refusal)
      await close()
    }),
  )

  test('can be written over', () =>
    withFile(async (file) => {
      const before = openStore(file)
      await before.tables.write([{ op: 'put', table: 'Keys', item: listed }])
      await before.close()
      alter(file, "UPDATE item SET sk = 'other'")
      const { tables, close } = openStore(file)
      const item = anItem('p', { sk: 'other' })
      expect(await tables.write([{ op: 'put', table: 'Keys', item }])).toEqual({ ok: true })
      expect(await tables.get('Keys', 'p', 'other')).toEqual(item)
      await close()
    }))
})
