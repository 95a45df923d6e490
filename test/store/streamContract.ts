import type { Change } from '../../lib/store/change.ts'
import { anItem, freshPk, putAll, refused, withTables, type OpenTables, type TableHarness } from './tableHarness.ts'

async function imagesOf(
  harness: TableHarness,
  pk: string,
): Promise<readonly Pick<Change, 'table' | 'sk' | 'old' | 'new'>[]> {
  const changes = await harness.changes()
  return changes.flatMap(({ table, pk: of, sk, old, new: after }) =>
    of === pk ? [{ table, sk, old, new: after }] : [],
  )
}

export function streamContract(open: OpenTables): void {
  const streams = (title: string, body: (harness: TableHarness, pk: string) => Promise<void>): void => {
    test(
      title,
      withTables(open, async (harness) => {
        await body(harness, freshPk())
      }),
    )
  }

  streams('an item yields its images, old and new, in the order of its writes', async (harness, pk) => {
    const [first, second] = [anItem(pk), anItem(pk, { revision: 2, state: 'DISABLED' })]
    await putAll(harness.tables, [first, second])
    await harness.tables.write([{ op: 'delete', table: 'Keys', pk, sk: 'row' }])
    expect(await imagesOf(harness, pk)).toEqual([
      { table: 'Keys', sk: 'row', old: null, new: first },
      { table: 'Keys', sk: 'row', old: first, new: second },
      { table: 'Keys', sk: 'row', old: second, new: null },
    ])
  })

  streams('concurrent writes of one item yield changes that form a chain', async (harness, pk) => {
    const items = Array.from({ length: 20 }, (_, n) => anItem(pk, { n }))
    await Promise.all(items.map((item) => harness.tables.write([{ op: 'put', table: 'Keys', item }])))
    const images = await imagesOf(harness, pk)
    expect(images).toHaveLength(20)
    expect(images.map(({ old }) => old)).toEqual([null, ...images.slice(0, -1).map((change) => change.new)])
    expect(images.at(-1)?.new).toEqual(await harness.tables.get('Keys', pk, 'row'))
  })

  streams('a call yields one change for each item it puts or deletes, in every streamed table', async (harness, pk) => {
    await putAll(harness.tables, [anItem(pk, { sk: 'gone' }), anItem(pk, { sk: 'checked' })])
    await harness.tables.write([
      { op: 'put', table: 'Keys', item: anItem(pk, { sk: 'made' }) },
      { op: 'put', table: 'Vaults', item: anItem(pk) },
      { op: 'put', table: 'Identity', item: anItem(pk) },
      { op: 'delete', table: 'Keys', pk, sk: 'gone' },
      { op: 'check', table: 'Keys', pk, sk: 'checked', condition: { kind: 'revision', revision: 1 } },
    ])
    const all = (await imagesOf(harness, pk)).map(
      ({ table, sk, new: image }) => `${table} ${sk} ${image ? 'put' : 'deleted'}`,
    )
    // Each table has a stream of its own, so nothing is said of their order among each other.
    expect(all.sort()).toEqual(
      [
        'Keys gone put',
        'Keys checked put',
        'Keys made put',
        'Vaults row put',
        'Identity row put',
        'Keys gone deleted',
      ].sort(),
    )
  })

  streams('a put that leaves an item as it was is a change', async (harness, pk) => {
    await putAll(harness.tables, [anItem(pk), anItem(pk)])
    expect((await imagesOf(harness, pk))[1]).toEqual({ table: 'Keys', sk: 'row', old: anItem(pk), new: anItem(pk) })
  })

  streams('a refused call, a repeated attempt and the deletion of nothing yield no change', async (harness, pk) => {
    const create = { op: 'put', table: 'Keys', item: anItem(pk), condition: { kind: 'absent' } } as const
    await harness.tables.write([create], 'attempt-1')
    await harness.tables.write([create], 'attempt-1')
    expect(await harness.tables.write([create, { op: 'put', table: 'Vaults', item: anItem(pk) }])).toEqual(refused(0))
    await harness.tables.write([{ op: 'delete', table: 'Keys', pk, sk: 'absent' }])
    expect(await imagesOf(harness, pk)).toHaveLength(1)
  })

  streams('the late removal of an expired item yields no change', async (harness, pk) => {
    const expiresAt = Math.floor(harness.now() / 1000) + 1
    await putAll(harness.tables, [anItem(pk, { expiresAt })])
    harness.advance(2000)
    await harness.sweep()
    expect(await imagesOf(harness, pk)).toHaveLength(1)
  })

  streams('tables without a stream yield no change', async (harness, pk) => {
    for (const table of ['Audit', 'Requests', 'Replication'] as const) {
      await harness.tables.write([{ op: 'put', table, item: anItem(pk) }])
    }
    expect(await imagesOf(harness, pk)).toEqual([])
  })

  streams('a change tells when it was committed', async (harness, pk) => {
    harness.advance(5000)
    const before = harness.now()
    await putAll(harness.tables, [anItem(pk)])
    const change = (await harness.changes()).find((found) => found.pk === pk)
    expect(change?.committedAt).toBeGreaterThanOrEqual(before - harness.commitGrainMs)
    expect(change?.committedAt).toBeLessThanOrEqual(harness.now() + 10_000)
  })
}
