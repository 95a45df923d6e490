import type { Condition, Item, Write } from '../../lib/ports.ts'
import { anItem, freshPk, refused, withTables, written, type OpenTables } from './tableHarness.ts'

interface Case {
  readonly title: string
  readonly condition: Condition
  /** Members of the stored item; null: one without epoch and revision; absent: no item. */
  readonly stored?: Partial<Item> | null
  readonly holds: boolean
}

const epoch = (n: number, region = 'eu-frankfurt-1'): string => `0000000${n}.${region}`
const newer = (n: number, revision: number): Condition => ({ kind: 'newer', epoch: epoch(n), revision })
const fields = (members: Extract<Condition, { kind: 'fields' }>['fields']): Condition => ({
  kind: 'fields',
  fields: members,
})

const cases: readonly Case[] = [
  { title: 'absent holds where there is no item', condition: { kind: 'absent' }, holds: true },
  { title: 'absent fails where there is an item', condition: { kind: 'absent' }, stored: {}, holds: false },
  {
    title: 'revision holds where it is equal',
    condition: { kind: 'revision', revision: 7 },
    stored: { revision: 7 },
    holds: true,
  },
  {
    title: 'revision fails where it differs',
    condition: { kind: 'revision', revision: 7 },
    stored: { revision: 8 },
    holds: false,
  },
  { title: 'revision fails where there is no item', condition: { kind: 'revision', revision: 7 }, holds: false },
  { title: 'newer holds where there is no item', condition: newer(1, 1), holds: true },
  {
    title: 'newer holds over a smaller revision',
    condition: newer(1, 5),
    stored: { epoch: epoch(1), revision: 4 },
    holds: true,
  },
  {
    title: 'newer fails over the same revision',
    condition: newer(1, 5),
    stored: { epoch: epoch(1), revision: 5 },
    holds: false,
  },
  {
    title: 'newer fails over a greater revision',
    condition: newer(1, 5),
    stored: { epoch: epoch(1), revision: 6 },
    holds: false,
  },
  {
    title: 'newer holds over a smaller epoch, whatever the revision',
    condition: newer(2, 1),
    stored: { epoch: epoch(1), revision: 9 },
    holds: true,
  },
  {
    title: 'newer fails over a greater epoch, whatever the revision',
    condition: newer(1, 9),
    stored: { epoch: epoch(2), revision: 1 },
    holds: false,
  },
  {
    title: 'newer compares epochs as text, so that the region decides between equal numbers',
    condition: newer(1, 1),
    stored: { epoch: epoch(1, 'ap-tokyo-1'), revision: 9 },
    holds: true,
  },
  {
    title: 'newer compares epochs by their UTF-8 bytes',
    condition: { kind: 'newer', epoch: '\u{1f511}', revision: 1 },
    stored: { epoch: '\uffee', revision: 9 },
    holds: true,
  },
  {
    title: 'newer fails over an item without epoch',
    condition: newer(1, 5),
    stored: null,
    holds: false,
  },
  {
    title: 'fields hold where every member is equal',
    condition: fields({ state: 'ENABLED', revision: 1, on: true }),
    stored: { on: true },
    holds: true,
  },
  {
    title: 'fields fail where one member differs',
    condition: fields({ state: 'ENABLED', revision: 2 }),
    stored: {},
    holds: false,
  },
  { title: 'fields fail where a member is missing', condition: fields({ other: 'x' }), stored: {}, holds: false },
  { title: 'fields fail where there is no item', condition: fields({ state: 'ENABLED' }), holds: false },
  { title: 'fields without members hold where there is an item', condition: fields({}), stored: {}, holds: true },
  { title: 'fields without members fail where there is none', condition: fields({}), holds: false },
  {
    title: 'a null field holds where the member is missing',
    condition: fields({ other: null }),
    stored: {},
    holds: true,
  },
  {
    title: 'a null field holds where the member is null',
    condition: fields({ other: null }),
    stored: { other: null },
    holds: true,
  },
  {
    title: 'a null field fails where the member has a value',
    condition: fields({ other: null }),
    stored: { other: '' },
    holds: false,
  },
  { title: 'a null field fails where there is no item', condition: fields({ other: null }), holds: false },
  { title: 'an empty text is not a missing member', condition: fields({ other: '' }), stored: {}, holds: false },
  { title: 'a number is not its text', condition: fields({ revision: '1' }), stored: {}, holds: false },
  { title: 'false is not a missing member', condition: fields({ other: false }), stored: {}, holds: false },
  {
    title: 'a member that objects inherit counts as missing',
    condition: fields({ constructor: null }),
    stored: {},
    holds: true,
  },
]

const writes = {
  put: (pk, condition) => ({ op: 'put', table: 'Keys', item: anItem(pk, { state: 'NEW' }), condition }),
  delete: (pk, condition) => ({ op: 'delete', table: 'Keys', pk, sk: 'row', condition }),
  check: (pk, condition) => ({ op: 'check', table: 'Keys', pk, sk: 'row', condition }),
} satisfies Record<Write['op'], (pk: string, condition: Condition) => Write>

export function conditionContract(open: OpenTables): void {
  describe.each(['put', 'delete', 'check'] as const)('of a %s', (op) => {
    test.each(cases)('$title', async ({ condition, stored, holds }) => {
      await withTables(open, async ({ tables }) => {
        const pk = freshPk()
        const before = stored === null ? { pk, sk: 'row' } : stored && anItem(pk, stored)
        if (before) await tables.write([{ op: 'put', table: 'Keys', item: before }])
        expect(await tables.write([writes[op](pk, condition)])).toEqual(holds ? written : refused(0))
        const after = { put: anItem(pk, { state: 'NEW' }), delete: undefined, check: before }[op]
        expect(await tables.get('Keys', pk, 'row')).toEqual(holds ? after : before)
      })()
    })
  })

  describe.each([
    { title: 'absent', condition: { kind: 'absent' }, holds: true },
    { title: 'newer', condition: newer(1, 1), holds: true },
    { title: 'revision', condition: { kind: 'revision', revision: 1 }, holds: false },
    { title: 'fields', condition: fields({ state: 'ENABLED' }), holds: false },
  ] as const)('$title', ({ condition, holds }) => {
    test.each(['put', 'delete', 'check'] as const)(
      `${holds ? 'holds' : 'fails'} for a %s over an expired item, which counts as absent`,
      async (op) => {
        await withTables(open, async ({ tables, now, advance }) => {
          const pk = freshPk()
          const expiresAt = Math.floor(now() / 1000) + 60
          await tables.write([{ op: 'put', table: 'Keys', item: anItem(pk, { expiresAt }) }])
          advance(61_000)
          expect(await tables.write([writes[op](pk, condition)])).toEqual(holds ? written : refused(0))
        })()
      },
    )
  })
}
