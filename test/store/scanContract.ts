import type { Item, ScanRequest, TableName, Tables } from '../../lib/ports.ts'
import { anItem, freshPk, putAll, withTables, written, type OpenTables } from './tableHarness.ts'

/** Everything that a table shows, page after page, as `pk sk`; and how many there are in each page. */
async function scanned(tables: Tables, table: TableName, limit: number) {
  const found: Item[] = []
  const sizes: number[] = []
  let request: ScanRequest | undefined = { limit }
  while (request !== undefined) {
    const { items, next }: Awaited<ReturnType<Tables['scan']>> = await tables.scan(table, request)
    found.push(...items)
    sizes.push(items.length)
    request = next === undefined ? undefined : { limit, after: next }
  }
  return { found, sizes }
}

/** Other tests leave their rows in the same tables. */
function own(found: readonly Item[], pks: readonly string[]): readonly string[] {
  return found.flatMap(({ pk, sk }) => (pks.includes(pk) ? [`${pks.indexOf(pk)} ${sk}`] : [])).sort()
}

export function scanContract(open: OpenTables): void {
  test(
    'every item of a table comes once, whatever the size of the pages, and none of another table',
    withTables(open, async ({ tables }) => {
      const pks = [freshPk(), freshPk(), freshPk()]
      const rows = pks.flatMap((pk) => ['a', 'b', '\u00e9', '\u{1f511}'].map((sk) => anItem(pk, { sk })))
      await putAll(tables, rows, 'Keys')
      await putAll(tables, [anItem(pks[0] ?? '', { sk: 'elsewhere' })], 'Vaults')
      for (const limit of [1, 5, 12, 1000]) {
        const { found, sizes } = await scanned(tables, 'Keys', limit)
        expect(own(found, pks)).toEqual(rows.map(({ pk, sk }) => `${pks.indexOf(pk)} ${sk}`).sort())
        expect(Math.max(...sizes)).toBeLessThanOrEqual(limit)
      }
    }),
  )

  test(
    'items are whole, as they were written last',
    withTables(open, async ({ tables }) => {
      const item = anItem(freshPk(), { gpk: freshPk(), byTime: '1', byName: 'n', state: { deep: ['x', 1, null] } })
      await putAll(tables, [anItem(item.pk), item])
      const { found } = await scanned(tables, 'Keys', 7)
      expect(found.filter(({ pk }) => pk === item.pk)).toEqual([expect.objectContaining(item)])
    }),
  )

  test(
    'what has expired and what is deleted is not shown, and hides nothing behind it',
    withTables(open, async ({ tables, now, advance }) => {
      const [pk, other] = [freshPk(), freshPk()]
      const expiresAt = Math.floor(now() / 1000) + 10
      await putAll(tables, [
        ...['a', 'b', 'c'].map((sk) => anItem(pk, { sk, expiresAt })),
        anItem(pk, { sk: 'd' }),
        anItem(pk, { sk: 'e' }),
        anItem(other),
      ])
      expect(await tables.write([{ op: 'delete', table: 'Keys', pk, sk: 'd' }])).toEqual(written)
      advance(20_000)
      for (const limit of [1, 2, 1000])
        expect(own((await scanned(tables, 'Keys', limit)).found, [pk, other])).toEqual(['0 e', '1 row'])
    }),
  )

  test(
    'what is written meanwhile moves nothing that stands out of the pages to come',
    withTables(open, async ({ tables }) => {
      const pks = [freshPk(), freshPk(), freshPk(), freshPk()]
      const stands = pks.map((pk) => anItem(pk, { sk: 'stands' }))
      await putAll(tables, stands)
      const seen: Item[] = []
      let turn = 0
      for (let after: string | undefined; ; turn += 1) {
        const { items, next } = await tables.scan('Keys', { limit: 2, ...(after === undefined ? {} : { after }) })
        seen.push(...items)
        if (next === undefined) break
        after = next
        if (turn < 8) await putAll(tables, [anItem(pks[turn % 4] ?? '', { sk: `new${turn}` })])
      }
      expect(own(seen, pks).filter((each) => each.endsWith('stands'))).toEqual(pks.map((_, index) => `${index} stands`))
    }),
  )

  test(
    'a page ends early where its items are large',
    withTables(open, async ({ tables }) => {
      const pk = freshPk()
      const keys = Array.from({ length: 14 }, (_, n) => `row-${String(n).padStart(3, '0')}`)
      await putAll(
        tables,
        keys.map((sk) => anItem(pk, { sk, large: 'x'.repeat(180_000) })),
      )
      const { found, sizes } = await scanned(tables, 'Keys', 1000)
      expect(own(found, [pk])).toEqual(keys.map((sk) => `0 ${sk}`))
      expect(sizes.length).toBeGreaterThan(1)
    }),
  )

  test.each([0, 1001, 1.5])('a page of %s is refused', (limit) =>
    withTables(open, async ({ tables }) => {
      await expect(tables.scan('Keys', { limit })).rejects.toThrow(RangeError)
    })(),
  )
}
