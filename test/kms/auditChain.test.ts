import fc from 'fast-check'
import { AuditDirectory, itemsIn, someEvents, type AuditRow, type StoredRow } from '../harness/chainedAudit.ts'

let directory: AuditDirectory
beforeEach(() => {
  directory = new AuditDirectory()
})
afterEach(() => {
  directory.remove()
})

test('what was written and not touched is valid', async () => {
  await someEvents(directory)
  expect(await directory.verify()).toMatchObject({
    events: 21,
    writers: 3,
    closed: 3,
    unsigned: 0,
    beforeChain: 0,
    findings: [],
  })
})

/** Findings where these rows are other ones, or none. */
function findingsWith(rows: readonly AuditRow[], others: ReadonlyMap<AuditRow, string | undefined>) {
  const changed = rows.flatMap((row) => {
    if (!others.has(row)) return [row]
    const body = others.get(row)
    return body === undefined ? [] : [{ ...row, body }]
  })
  return directory.check(changed)
}

describe('every event', () => {
  let rows: readonly StoredRow[]
  beforeEach(async () => {
    await someEvents(directory)
    rows = itemsIn(directory.rows())
  })
  const eventsIn = () => rows.flatMap((row) => row.item.events.map((event, index) => ({ row, event, index })))
  const withEvents = ({ item }: StoredRow, events: readonly unknown[]) => JSON.stringify({ ...item, events })

  test('of which one byte is altered is named', async () => {
    expect(eventsIn()).toHaveLength(21)
    for (const { row, event } of eventsIn())
      await fc.assert(
        fc.asyncProperty(fc.nat(), fc.integer({ min: 0x20, max: 0x7e }), async (at, byte) => {
          const text = JSON.stringify(event)
          const place = row.body.indexOf(text) + (at % text.length)
          if (row.body.charCodeAt(place) === byte) return
          const altered = row.body.slice(0, place) + String.fromCharCode(byte) + row.body.slice(place + 1)
          const [first] = await findingsWith(rows, new Map([[row, altered]]))
          expect(first?.kind).toBe('altered')
          // Named by what it says now; where its text cannot be read at all, by the key that it lies under.
          const isIdAltered = !text.includes(event.eventId) || !altered.includes(`"eventId":"${event.eventId}"`)
          if (first?.eventId !== undefined && !isIdAltered) expect(first.eventId).toBe(event.eventId)
          else if (first?.eventId === undefined && !isIdAltered) expect(first?.says).toContain(row.sk)
        }),
        { numRuns: 20 },
      )
  })

  test('that is deleted is missed, by itself and with its group', async () => {
    for (const { row, index } of eventsIn()) {
      const rest = row.item.events.filter((_, other) => other !== index)
      const found = await findingsWith(rows, new Map([[row, withEvents(row, rest)]]))
      expect(found.map(({ kind }) => kind)).toContain('missing')
    }
    for (const row of rows) {
      const found = await findingsWith(rows, new Map([[row, undefined]]))
      expect(found).toMatchObject([
        { kind: 'missing', says: expect.stringMatching(/^Place \d+ of writer [0-9a-f]{32} is missing/) as unknown },
      ])
    }
  })

  test('that is swapped with any other is named', async () => {
    const all = eventsIn()
    for (const [index, one] of all.entries())
      for (const other of all.slice(index + 1)) {
        const exchanged = ({ item }: StoredRow) =>
          item.events.map((event) => (event === one.event ? other.event : event === other.event ? one.event : event))
        const swapped = [one.row, other.row].map((row) => [row, withEvents(row, exchanged(row))] as const)
        const found = await findingsWith(rows, new Map(swapped))
        expect(found.every(({ kind }) => kind === 'reordered')).toBe(true)
        expect(new Set(found.map(({ eventId }) => eventId))).toEqual(new Set([one.event.eventId, other.event.eventId]))
      }
  })

  test('that is swapped with another with its whole group is named', async () => {
    for (const [index, one] of rows.entries())
      for (const other of rows.slice(index + 1)) {
        const found = await findingsWith(
          rows,
          new Map([
            [one, other.body],
            [other, one.body],
          ]),
        )
        expect(found.map(({ kind }) => kind)).toContain('reordered')
      }
  })

  test('that is put in is named, with a place or without', async () => {
    for (const { item, sk } of rows)
      for (const chain of [undefined, item.chain]) {
        const { chain: _chain, ...other } = item
        const added = { ...other, sk: `${sk}0`, ...(chain === undefined ? {} : { chain }) }
        const found = await directory.check([...rows, { ...added, body: JSON.stringify(added) }])
        expect(found).not.toEqual([])
      }
  })

  test('whose place, key or expiry is altered is named', async () => {
    for (const row of rows) {
      const { item } = row
      const { chain } = item
      if (chain === undefined) throw new Error('It has no place.')
      const forged: Record<string, unknown>[] = [
        { ...item, expiresAt: 1_900_000_000 },
        { ...item, chain: { ...chain, seq: chain.seq + 100 } },
        { ...item, chain: { ...chain, previous: 'AAAA' } },
        { ...item, chain: { ...chain, open: [[1, 1]] } },
        { ...item, chain: { ...chain, writer: 'f'.repeat(32) } },
        { ...item, chain: undefined },
        { ...item, pk: 'other' },
        { ...item, chain: { ...chain, open: [5] } },
        { ...item, chain: { ...chain, digests: [null, 5] } },
        { ...item, events: [null, ...item.events] },
        { ...item, events: [] },
        { ...item, events: 'none' },
      ]
      for (const each of forged) {
        const found = await findingsWith(rows, new Map([[row, JSON.stringify(each)]]))
        expect([each, found.length > 0]).toEqual([each, true])
      }
    }
  })
})
