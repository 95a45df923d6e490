import { eachPage } from '../../lib/kms/rows/pages.ts'
import { pageBytes, type IndexName, type Item, type PageRequest } from '../../lib/ports.ts'
import {
  anItem,
  freshPk,
  putAll,
  settled,
  sortKeys,
  withTables,
  type OpenTables,
  type TableHarness,
} from './tableHarness.ts'

interface Listed {
  readonly keys: readonly string[]
  readonly next?: string | undefined
}

function inIndex(gpk: string, sk: string, byTime: string, byName: string): Item {
  return anItem(freshPk(), { sk, gpk, byTime, byName })
}

function threeKeys(gpk: string): readonly Item[] {
  return [
    inIndex(gpk, 'one', '2026-01-01', 'zebra'),
    inIndex(gpk, 'two', '2026-01-02', '\u{1f511}'),
    inIndex(gpk, 'three', '2026-01-03', '\uffee'),
  ]
}

async function expectListed(
  harness: TableHarness,
  index: IndexName,
  gpk: string,
  page: PageRequest,
  expected: Listed,
): Promise<void> {
  const ask = async (): Promise<Listed> => {
    const found = await harness.tables.queryIndex('Keys', index, gpk, page)
    return { keys: sortKeys(found), ...(found.next !== undefined && { next: found.next }) }
  }
  expect(await settled(harness, ask, expected)).toEqual(expected)
}

export function indexContract(open: OpenTables): void {
  const indexes = (title: string, body: (harness: TableHarness, gpk: string) => Promise<void>): void => {
    test(
      title,
      withTables(open, async (harness) => {
        await body(harness, freshPk())
      }),
    )
  }

  indexes('a page ends early where its items are large', async (harness, gpk) => {
    const keys = Array.from({ length: 14 }, (_, n) => `row-${String(n).padStart(3, '0')}`)
    await putAll(
      harness.tables,
      keys.map((sk) => ({ ...inIndex(gpk, sk, sk, sk), large: 'x'.repeat(180_000) })),
    )
    const sizes: number[] = []
    const ask = async (): Promise<readonly string[]> => {
      const seen: string[] = []
      for await (const items of eachPage((page) => harness.tables.queryIndex('Keys', 'byTime', gpk, page), {
        limit: 1000,
      })) {
        sizes.push(items.length)
        seen.push(...items.map(({ sk }) => sk))
      }
      return seen
    }
    expect(await settled(harness, ask, keys)).toEqual(keys)
    expect(Math.max(...sizes) * 180_000).toBeLessThan(pageBytes + 200_000)
  })

  indexes('each index lists a partition in its own order', async (harness, gpk) => {
    await putAll(harness.tables, threeKeys(gpk))
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['one', 'two', 'three'] })
    await expectListed(harness, 'byName', gpk, { limit: 9 }, { keys: ['one', 'three', 'two'] })
    await expectListed(harness, 'byTime', gpk, { limit: 9, descending: true }, { keys: ['three', 'two', 'one'] })
  })

  indexes('a page of an index is continued by the index key it names', async (harness, gpk) => {
    await putAll(harness.tables, threeKeys(gpk))
    await expectListed(harness, 'byTime', gpk, { limit: 2 }, { keys: ['one', 'two'], next: '2026-01-02' })
    await expectListed(harness, 'byTime', gpk, { limit: 2, after: '2026-01-02' }, { keys: ['three'] })
    await expectListed(harness, 'byTime', gpk, { limit: 9, after: '2026-01-02', descending: true }, { keys: ['one'] })
    await expectListed(harness, 'byName', gpk, { limit: 1, descending: true }, { keys: ['two'], next: '\u{1f511}' })
  })

  indexes('an index shows whole items', async (harness, gpk) => {
    const item = { ...inIndex(gpk, 'one', 't', 'n'), tags: { a: ['b'] } }
    await putAll(harness.tables, [item])
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['one'] })
    expect((await harness.tables.queryIndex('Keys', 'byTime', gpk, { limit: 9 })).items).toEqual([item])
  })

  indexes('an item without gpk, or without the index key, is not in the index', async (harness, gpk) => {
    const { byName, ...timeOnly } = inIndex(gpk, 'time only', 't', 'n')
    const outside = anItem(freshPk(), { sk: 'outside', byTime: 't2', byName: 'n2' })
    await putAll(harness.tables, [timeOnly, outside, inIndex(gpk, 'both', 't3', `${String(byName)}3`)])
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['time only', 'both'] })
    await expectListed(harness, 'byName', gpk, { limit: 9 }, { keys: ['both'] })
  })

  indexes('an item leaves its index partition on deletion and on a change of gpk', async (harness, gpk) => {
    const [one, two, three] = threeKeys(gpk)
    if (!one || !two || !three) throw new Error('three keys')
    await putAll(harness.tables, [one, two, three])
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['one', 'two', 'three'] })
    const elsewhere = freshPk()
    await harness.tables.write([{ op: 'delete', table: 'Keys', pk: one.pk, sk: one.sk }])
    await putAll(harness.tables, [{ ...two, gpk: elsewhere }])
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['three'] })
    await expectListed(harness, 'byTime', elsewhere, { limit: 9 }, { keys: ['two'] })
  })

  indexes('an item moves in its index when its key changes', async (harness, gpk) => {
    const [one, two, three] = threeKeys(gpk)
    if (!one || !two || !three) throw new Error('three keys')
    await putAll(harness.tables, [one, two, three, { ...one, byTime: '2026-01-09' }])
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['two', 'three', 'one'] })
  })

  indexes('an expired item is in no index', async (harness, gpk) => {
    const expiresAt = Math.floor(harness.now() / 1000) + 60
    await putAll(harness.tables, [{ ...inIndex(gpk, 'one', 'a', 'a'), expiresAt }, inIndex(gpk, 'two', 'b', 'b')])
    harness.advance(60_000)
    await expectListed(harness, 'byTime', gpk, { limit: 1 }, { keys: ['two'] })
  })

  indexes('tables have indexes of their own', async (harness, gpk) => {
    await putAll(harness.tables, threeKeys(gpk), 'Vaults')
    await putAll(harness.tables, [inIndex(gpk, 'mine', 't', 'n')])
    await expectListed(harness, 'byTime', gpk, { limit: 9 }, { keys: ['mine'] })
  })
}
