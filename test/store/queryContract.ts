import { pageBytes, type PageRequest, type Tables } from '../../lib/ports.ts'
import { anItem, freshPk, putAll, sortKeys, withTables, type OpenTables } from './tableHarness.ts'

async function storedRows(tables: Tables, keys: readonly string[]): Promise<string> {
  const pk = freshPk()
  await putAll(
    tables,
    keys.map((sk) => anItem(pk, { sk })),
  )
  return pk
}

const rows = ['key', 'version#1', 'version#2', 'version#3', 'wersion']

const pages: readonly { title: string; prefix: string; page: PageRequest; keys: readonly string[]; next?: string }[] = [
  { title: 'an empty prefix lists the whole partition', prefix: '', page: { limit: 9 }, keys: rows },
  {
    title: 'a prefix lists the items whose sort key starts with it',
    prefix: 'version#',
    page: { limit: 9 },
    keys: rows.slice(1, 4),
  },
  { title: 'a prefix may be a whole sort key', prefix: 'version#2', page: { limit: 9 }, keys: ['version#2'] },
  { title: 'a prefix that nothing starts with lists nothing', prefix: 'x', page: { limit: 9 }, keys: [] },
  {
    title: 'a page that ends before the last item names the next',
    prefix: 'version#',
    page: { limit: 2 },
    keys: ['version#1', 'version#2'],
    next: 'version#2',
  },
  {
    title: 'a page that ends with the last item names none',
    prefix: 'version#',
    page: { limit: 3 },
    keys: rows.slice(1, 4),
  },
  {
    title: 'after is exclusive',
    prefix: 'version#',
    page: { limit: 9, after: 'version#1' },
    keys: ['version#2', 'version#3'],
  },
  {
    title: 'after need not exist',
    prefix: 'version#',
    page: { limit: 9, after: 'version#11' },
    keys: ['version#2', 'version#3'],
  },
  {
    title: 'after before the prefix lists all of it',
    prefix: 'version#',
    page: { limit: 9, after: 'a' },
    keys: rows.slice(1, 4),
  },
  { title: 'after behind the prefix lists nothing', prefix: 'version#', page: { limit: 9, after: 'z' }, keys: [] },
  {
    title: 'descending turns the order',
    prefix: 'version#',
    page: { limit: 2, descending: true },
    keys: ['version#3', 'version#2'],
    next: 'version#2',
  },
  {
    title: 'descending goes on before after',
    prefix: 'version#',
    page: { limit: 2, descending: true, after: 'version#2' },
    keys: ['version#1'],
  },
  {
    title: 'descending after a key behind the prefix lists all of it',
    prefix: 'version#',
    page: { limit: 9, descending: true, after: 'z' },
    keys: rows.slice(1, 4).reverse(),
  },
  {
    title: 'descending after a key before the prefix lists nothing',
    prefix: 'version#',
    page: { limit: 9, descending: true, after: 'a' },
    keys: [],
  },
]

export function queryContract(open: OpenTables): void {
  test.each(pages)('$title', async ({ prefix, page, keys, next }) => {
    await withTables(open, async ({ tables }) => {
      const pk = await storedRows(tables, rows)
      const found = await tables.query('Keys', pk, prefix, page)
      expect({ keys: sortKeys(found), next: found.next }).toEqual({ keys, next })
      expect('next' in found).toBe(next !== undefined)
    })()
  })

  test(
    'sort keys are ordered by their UTF-8 bytes, in both directions',
    withTables(open, async ({ tables }) => {
      const ordered = [
        'A',
        'Z',
        'a',
        'a\u0000',
        'ab',
        'z',
        '\u00e9',
        '\ud7ff',
        '\ue000',
        '\uffee',
        '\u{1f511}',
        '\u{10ffff}',
        '\u{10ffff}a',
      ]
      const pk = await storedRows(tables, [...ordered].reverse())
      expect(sortKeys(await tables.query('Keys', pk, '', { limit: 99 }))).toEqual(ordered)
      expect(sortKeys(await tables.query('Keys', pk, '', { limit: 99, descending: true }))).toEqual(
        [...ordered].reverse(),
      )
    }),
  )

  test.each(['a', '\ud7ff', '\u{10ffff}', 'a\u{10ffff}'])('the prefix %j ends where it should', async (prefix) => {
    await withTables(open, async ({ tables }) => {
      const inside = [prefix, `${prefix}\u0000`, `${prefix}b`, `${prefix}\u{10ffff}`]
      const pk = await storedRows(tables, [...inside, 'Z', 'b', '\ue000', '\u{10fffe}'])
      expect(sortKeys(await tables.query('Keys', pk, prefix, { limit: 99 }))).toEqual(inside)
    })()
  })

  test(
    'following next visits every item once',
    withTables(open, async ({ tables }) => {
      const keys = Array.from({ length: 23 }, (_, n) => `row-${String(n).padStart(3, '0')}`)
      const pk = await storedRows(tables, keys)
      const seen: string[] = []
      let after: string | undefined
      do {
        const page = await tables.query('Keys', pk, 'row-', { limit: 5, ...(after !== undefined && { after }) })
        seen.push(...sortKeys(page))
        after = page.next
      } while (after !== undefined)
      expect(seen).toEqual(keys)
    }),
  )

  test(
    'a page ends early where its items are large, and following next visits every item once',
    withTables(open, async ({ tables }) => {
      const keys = Array.from({ length: 14 }, (_, n) => `row-${String(n).padStart(3, '0')}`)
      const pk = freshPk()
      await putAll(
        tables,
        keys.map((sk) => anItem(pk, { sk, large: 'x'.repeat(180_000) })),
      )
      const sizes: number[] = []
      const seen: string[] = []
      let after: string | undefined
      do {
        const page = await tables.query('Keys', pk, '', { limit: 1000, ...(after !== undefined && { after }) })
        sizes.push(page.items.length)
        seen.push(...sortKeys(page))
        after = page.next
      } while (after !== undefined)
      expect(seen).toEqual(keys)
      expect(Math.max(...sizes) * 180_000).toBeLessThan(pageBytes + 200_000)
    }),
  )

  test(
    'partitions and tables are apart',
    withTables(open, async ({ tables }) => {
      const pk = await storedRows(tables, ['one'])
      await storedRows(tables, ['two'])
      expect(sortKeys(await tables.query('Keys', pk, '', { limit: 9 }))).toEqual(['one'])
      expect(sortKeys(await tables.query('Vaults', pk, '', { limit: 9 }))).toEqual([])
    }),
  )

  test.each([0, 1001, 1.5, -1])('a limit of %d is refused', async (limit) => {
    await withTables(open, async ({ tables }) => {
      await expect(tables.query('Keys', freshPk(), '', { limit })).rejects.toThrow(RangeError)
      await expect(tables.queryIndex('Keys', 'byTime', freshPk(), { limit })).rejects.toThrow(RangeError)
    })()
  })

  test.each([
    ['an empty text', ''],
    ['more than 1,024 bytes', 'é'.repeat(513)],
    ['half of a surrogate pair', 'a\ud83d'],
  ])('a page after %s, which no sort key is, is an invalid parameter', async (_, after) => {
    await withTables(open, async ({ tables }) => {
      const refusal = { code: 'invalidParameter' }
      await expect(tables.query('Keys', freshPk(), '', { limit: 1, after })).rejects.toMatchObject(refusal)
      await expect(tables.queryIndex('Keys', 'byTime', freshPk(), { limit: 1, after })).rejects.toMatchObject(refusal)
    })()
  })

  test.each([
    ['empty', ''],
    ['too long', 'é'.repeat(1025)],
    ['half of a surrogate pair', 'a\ud83d'],
  ])('a key that no item can have, %s, finds nothing', async (_, text) => {
    await withTables(open, async ({ tables }) => {
      expect(await tables.get('Keys', text, 'row')).toBeUndefined()
      expect(await tables.get('Keys', freshPk(), text)).toBeUndefined()
      expect(await tables.query('Keys', text, '', { limit: 9 })).toEqual({ items: [] })
      expect(await tables.queryIndex('Keys', 'byName', text, { limit: 9 })).toEqual({ items: [] })
    })()
  })

  test(
    'an expired item is read nowhere, before its removal and after',
    withTables(open, async ({ tables, now, advance, sweep }) => {
      const pk = freshPk()
      const expiresAt = Math.floor(now() / 1000) + 60
      await putAll(tables, [
        anItem(pk, { sk: 'a' }),
        anItem(pk, { sk: 'b', expiresAt }),
        anItem(pk, { sk: 'c' }),
        anItem(pk, { sk: 'd', expiresAt }),
      ])
      const listed = async (): Promise<readonly string[]> => sortKeys(await tables.query('Keys', pk, '', { limit: 9 }))
      expect(await listed()).toEqual(['a', 'b', 'c', 'd'])
      advance(expiresAt * 1000 - now() - 1)
      expect(await listed()).toEqual(['a', 'b', 'c', 'd'])
      advance(1)
      expect(await listed()).toEqual(['a', 'c'])
      expect(await tables.get('Keys', pk, 'b')).toBeUndefined()
      const page = await tables.query('Keys', pk, '', { limit: 2 })
      expect([sortKeys(page), 'next' in page]).toEqual([['a', 'c'], false])
      await sweep()
      expect(await listed()).toEqual(['a', 'c'])
    }),
  )
}
