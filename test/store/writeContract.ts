import type { Json } from '../../lib/canonicalJson.ts'
import { KmsError } from '../../lib/errors.ts'
import type { Item, Write } from '../../lib/ports.ts'
import { anItem, freshPk, refused, sortKeys, withTables, written, type OpenTables } from './tableHarness.ts'

const put = (item: Item, condition?: Write['condition']): Write => ({
  op: 'put',
  table: 'Keys',
  item,
  ...(condition && { condition }),
})
const absent = { kind: 'absent' } as const

/** An item whose JSON takes exactly so many bytes. */
function itemOfBytes(pk: string, bytes: number, sk = 'row'): Item {
  const empty = Buffer.byteLength(JSON.stringify({ pk, sk, filler: '' }))
  return { pk, sk, filler: 'x'.repeat(bytes - empty) }
}

function nested(depth: number): Json {
  return depth === 0 ? 1 : depth % 2 === 0 ? [nested(depth - 1)] : { inner: nested(depth - 1) }
}

export function writeContract(open: OpenTables): void {
  const stores = (title: string, body: Parameters<typeof withTables>[1]): void => {
    test(title, withTables(open, body))
  }

  stores('an item reads back as it was written, whatever JSON it holds', async ({ tables }) => {
    const item = anItem(freshPk(), {
      texts: ['', 'a"b\\c', 'é', '\u{1f511}', '\u0000\u001f', '\u2028', '\\ud800 spelt out'],
      numbers: [0, -1, 0.1, 0.1 + 0.2, 1e-7, 1e-130, 1e21, -1.7e125, Number.MAX_SAFE_INTEGER, 2 ** 53 + 2],
      flags: [true, false, null],
      empty: { list: [], object: {}, text: '' },
      nested: { a: [{ b: [{ c: [1, [2, [null]]] }] }] },
      ['odd member é.#:"']: 'x',
    })
    await tables.write([put(item)])
    expect(await tables.get('Keys', item.pk, 'row')).toEqual(item)
  })

  stores('an item that was never written, or was deleted, is undefined', async ({ tables }) => {
    const pk = freshPk()
    expect(await tables.get('Keys', pk, 'row')).toBeUndefined()
    await tables.write([put(anItem(pk))])
    await tables.write([{ op: 'delete', table: 'Keys', pk, sk: 'row' }])
    expect(await tables.get('Keys', pk, 'row')).toBeUndefined()
  })

  stores('deleting what is absent succeeds', async ({ tables }) => {
    expect(await tables.write([{ op: 'delete', table: 'Keys', pk: freshPk(), sk: 'row' }])).toEqual(written)
  })

  stores('a put replaces the whole item', async ({ tables }) => {
    const pk = freshPk()
    await tables.write([put(anItem(pk, { extra: 1 }))])
    await tables.write([put({ pk, sk: 'row', state: 'DISABLED' })])
    expect(await tables.get('Keys', pk, 'row')).toEqual({ pk, sk: 'row', state: 'DISABLED' })
  })

  stores('the same key in two tables names two items', async ({ tables }) => {
    const pk = freshPk()
    await tables.write([put(anItem(pk)), { op: 'put', table: 'Vaults', item: anItem(pk, { state: 'ACTIVE' }) }])
    expect(await tables.get('Keys', pk, 'row')).toEqual(anItem(pk))
    expect(await tables.get('Vaults', pk, 'row')).toEqual(anItem(pk, { state: 'ACTIVE' }))
  })

  stores('one failed condition keeps the whole call from being written, across tables', async ({ tables }) => {
    const [one, two, three] = [freshPk(), freshPk(), freshPk()]
    await tables.write([put(anItem(one)), put(anItem(two))])
    const outcome = await tables.write([
      { op: 'put', table: 'Vaults', item: anItem(three) },
      put(anItem(one, { state: 'NEW' }), absent),
      { op: 'delete', table: 'Keys', pk: two, sk: 'row' },
      { op: 'check', table: 'Identity', pk: one, sk: 'row', condition: { kind: 'fields', fields: {} } },
    ])
    expect(outcome).toEqual(refused(1, 3))
    expect(await tables.get('Vaults', three, 'row')).toBeUndefined()
    expect(await tables.get('Keys', one, 'row')).toEqual(anItem(one))
    expect(await tables.get('Keys', two, 'row')).toEqual(anItem(two))
  })

  stores('a call without writes succeeds', async ({ tables }) => {
    expect(await tables.write([])).toEqual(written)
  })

  stores('of 50 concurrent conditional writes on one item exactly one wins', async ({ tables }) => {
    const pk = freshPk()
    await tables.write([put(anItem(pk))])
    const attempts = Array.from({ length: 50 }, (_, n) =>
      put(anItem(pk, { revision: 2, n }), { kind: 'revision', revision: 1 }),
    )
    const outcomes = await Promise.all(attempts.map((write) => tables.write([write])))
    const winners = outcomes.flatMap(({ ok }, n) => (ok ? [n] : []))
    expect(winners).toHaveLength(1)
    expect(await tables.get('Keys', pk, 'row')).toMatchObject({ revision: 2, n: winners[0] })
  })

  stores('an acknowledged write is seen by every later get and query', async ({ tables }) => {
    const pk = freshPk()
    for (let revision = 1; revision <= 20; revision += 1) {
      await tables.write([put(anItem(pk, { revision }))])
      expect(await tables.get('Keys', pk, 'row')).toMatchObject({ revision })
      expect((await tables.query('Keys', pk, '', { limit: 1 })).items).toEqual([expect.objectContaining({ revision })])
    }
  })

  describe('a write id', () => {
    stores('is kept in the items of its call', async ({ tables }) => {
      const pk = freshPk()
      await tables.write([put(anItem(pk))], 'attempt-1')
      expect(await tables.get('Keys', pk, 'row')).toEqual({ ...anItem(pk), writeId: 'attempt-1' })
    })

    stores('read with an item does not survive in the next write of it', async ({ tables }) => {
      const pk = freshPk()
      await tables.write([put(anItem(pk))], 'attempt-1')
      await tables.write([put({ ...anItem(pk), writeId: 'attempt-1' })])
      expect(await tables.get('Keys', pk, 'row')).toEqual(anItem(pk))
    })

    stores('given again after success succeeds, though the conditions now fail', async ({ tables }) => {
      const [one, two] = [freshPk(), freshPk()]
      const call: Write[] = [put(anItem(one), absent), put(anItem(two), absent)]
      expect(await tables.write(call, 'attempt-1')).toEqual(written)
      expect(await tables.write(call, 'attempt-1')).toEqual(written)
      expect(await tables.write(call, 'attempt-2')).toEqual(refused(0, 1))
      expect(await tables.write(call)).toEqual(refused(0, 1))
    })

    stores('given again succeeds by one item of its own, and writes nothing a second time', async ({ tables }) => {
      const [one, two] = [freshPk(), freshPk()]
      const call: Write[] = [put(anItem(one), absent), put(anItem(two), absent)]
      await tables.write(call, 'attempt-1')
      await tables.write([put(anItem(two, { state: 'LATER' }))], 'attempt-2')
      expect(await tables.write(call, 'attempt-1')).toEqual(written)
      expect(await tables.get('Keys', two, 'row')).toMatchObject({ state: 'LATER' })
    })

    stores('does not help against items of others', async ({ tables }) => {
      const [one, two] = [freshPk(), freshPk()]
      await tables.write([put(anItem(two))], 'somebody')
      expect(await tables.write([put(anItem(one)), put(anItem(two), absent)], 'attempt-1')).toEqual(refused(1))
      expect(await tables.get('Keys', one, 'row')).toBeUndefined()
    })

    stores('counts for the items that its call puts, not for those it checks or deletes', async ({ tables }) => {
      const pk = freshPk()
      await tables.write([put(anItem(pk))], 'attempt-1')
      expect(
        await tables.write([{ op: 'check', table: 'Keys', pk, sk: 'row', condition: absent }], 'attempt-1'),
      ).toEqual(refused(0))
      expect(
        await tables.write([{ op: 'delete', table: 'Keys', pk, sk: 'row', condition: absent }], 'attempt-1'),
      ).toEqual(refused(0))
    })
  })

  describe('limits', () => {
    stores('100 writes pass and 101 are refused', async ({ tables }) => {
      const pk = freshPk()
      const writes = Array.from({ length: 101 }, (_, n) => put(anItem(pk, { sk: `row-${n}` })))
      await expect(tables.write(writes)).rejects.toThrow(RangeError)
      expect(await tables.get('Keys', pk, 'row-0')).toBeUndefined()
      expect(await tables.write(writes.slice(0, 100))).toEqual(written)
    })

    stores('naming an item twice is refused', async ({ tables }) => {
      const pk = freshPk()
      const check: Write = { op: 'check', table: 'Keys', pk, sk: 'row', condition: absent }
      await expect(tables.write([put(anItem(pk)), check])).rejects.toThrow(RangeError)
      expect(await tables.get('Keys', pk, 'row')).toBeUndefined()
    })

    stores(
      'an item of 200,000 bytes passes; one byte more is an invalid parameter, and nothing is written',
      async ({ tables }) => {
        const pk = freshPk()
        const largest = itemOfBytes(pk, 200_000)
        const refusal = tables.write([put(anItem(pk, { sk: 'other' })), put(itemOfBytes(pk, 200_001))])
        await expect(refusal).rejects.toBeInstanceOf(KmsError)
        await expect(refusal).rejects.toMatchObject({ code: 'invalidParameter' })
        expect(sortKeys(await tables.query('Keys', pk, '', { limit: 10 }))).toEqual([])
        expect(await tables.write([put(largest)])).toEqual(written)
        expect(await tables.get('Keys', pk, 'row')).toEqual(largest)
      },
    )

    stores('4,000,000 bytes pass in one call and more are refused', async ({ tables }) => {
      const pk = freshPk()
      const writes = Array.from({ length: 20 }, (_, n) => put(itemOfBytes(pk, 200_000, `row-${n}`)))
      await expect(tables.write([...writes, put({ pk, sk: 'x' })])).rejects.toThrow(RangeError)
      expect(sortKeys(await tables.query('Keys', pk, '', { limit: 10 }))).toEqual([])
      expect(await tables.write(writes)).toEqual(written)
    })

    test.each([
      ['an empty pk', { pk: '' }],
      ['an empty sk', { sk: '' }],
      ['an empty index key', { gpk: 'g', byTime: '' }],
      ['a sort key over 1,024 bytes', { sk: 'é'.repeat(513) }],
      ['a pk that is half of a surrogate pair', { pk: '\ud83d' }],
    ])('%s is refused', async (_, members) => {
      await withTables(open, async ({ tables }) => {
        await expect(tables.write([put(anItem(freshPk(), members))])).rejects.toThrow(RangeError)
      })()
    })

    test.each([
      ['nested 32 deep', { tags: nested(32) }],
      ['beyond the largest number', { tags: { n: 1e126 } }],
      ['below the smallest number', { n: -1e-131 }],
      ['a member without a name', { tags: [{ '': 'x' }] }],
    ])('a value that is %s is an invalid parameter', async (_, members) => {
      await withTables(open, async ({ tables }) => {
        const pk = freshPk()
        await expect(tables.write([put(anItem(pk, members))])).rejects.toMatchObject({ code: 'invalidParameter' })
        expect(await tables.get('Keys', pk, 'row')).toBeUndefined()
      })()
    })

    stores('a value nested 31 deep reads back', async ({ tables }) => {
      const item = anItem(freshPk(), { tags: nested(31) })
      await tables.write([put(item)])
      expect(await tables.get('Keys', item.pk, 'row')).toEqual(item)
    })

    stores('a text with half of a surrogate pair is an invalid parameter', async ({ tables }) => {
      const item = anItem(freshPk(), { displayName: ['x\\', '\ud83d'] })
      await expect(tables.write([put(item)])).rejects.toMatchObject({ code: 'invalidParameter' })
    })
  })
}
