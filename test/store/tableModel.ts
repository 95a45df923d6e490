import fc from 'fast-check'
import type { Condition, IndexName, Item, PageRequest, TableName, Write, WriteOutcome } from '../../lib/ports.ts'
import { freshPk, settled, type OpenTables, type TableHarness } from './tableHarness.ts'

/** What a step names by short texts, so that steps meet on the same few items. */
type Step =
  | { readonly kind: 'write'; readonly calls: readonly (readonly Write[])[] }
  | { readonly kind: 'query'; readonly prefix: string; readonly page: PageRequest }
  | { readonly kind: 'index'; readonly index: IndexName; readonly page: PageRequest }
  | { readonly kind: 'advance'; readonly seconds: number }
  | { readonly kind: 'sweep' }

const tables = ['Keys', 'Vaults'] as const satisfies readonly TableName[]
const texts = ['a', 'ab', 'b', '\uffee', '\u{1f511}'] as const
const epochs = ['1.a', '1.b', '2.a'] as const
const start = 1_800_000_000

const sk = fc.constantFrom(...texts)
const revision = fc.integer({ min: 1, max: 4 })
const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant<Condition>({ kind: 'absent' }),
  fc.record({ kind: fc.constant('revision' as const), revision }),
  fc.record({ kind: fc.constant('newer' as const), epoch: fc.constantFrom(...epochs), revision }),
  fc.record({ kind: fc.constant('fields' as const), fields: fc.record({ revision }) }),
  fc.constant<Condition>({ kind: 'fields', fields: { epoch: null } }),
)
const item: fc.Arbitrary<Item> = fc
  .record(
    {
      sk,
      revision,
      epoch: fc.constantFrom(...epochs),
      expiresAt: fc.integer({ min: start, max: start + 60 }),
      listed: fc.constant(true),
      n: fc.integer(),
    },
    { requiredKeys: ['sk', 'n'] },
  )
  .map(({ listed, ...members }) => ({
    pk: 'p',
    ...members,
    ...(listed && { gpk: 'g', byTime: `${members.sk}!`, byName: members.sk }),
  }))
const table = fc.constantFrom(...tables)
const write: fc.Arbitrary<Write> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record(
      { op: fc.constant('put' as const), table, item, condition },
      { requiredKeys: ['op', 'table', 'item'] },
    ),
  },
  fc.record(
    { op: fc.constant('delete' as const), table, pk: fc.constant('p'), sk, condition },
    { requiredKeys: ['op', 'table', 'pk', 'sk'] },
  ),
  fc.record({ op: fc.constant('check' as const), table, pk: fc.constant('p'), sk, condition }),
)
const call = fc.uniqueArray(write, {
  minLength: 1,
  maxLength: 4,
  selector: (one) => JSON.stringify([one.table, skOf(one)]),
})
const page: fc.Arbitrary<PageRequest> = fc.record(
  { limit: fc.integer({ min: 1, max: 4 }), after: sk, descending: fc.boolean() },
  { requiredKeys: ['limit'] },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      calls: fc.array(call, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('query' as const), prefix: fc.constantFrom('', 'a', 'b'), page }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('index' as const),
      index: fc.constantFrom('byTime' as const, 'byName' as const),
      page,
    }),
  },
  fc.record({ kind: fc.constant('advance' as const), seconds: fc.integer({ min: 1, max: 20 }) }),
  fc.record({ kind: fc.constant('sweep' as const) }),
)

function skOf(one: Write): string {
  return one.op === 'put' ? one.item.sk : one.sk
}

/** The port as a plain Map, written without regard to any adapter. */
class TableModel {
  readonly #items = new Map<string, Item>()
  readonly #showsExpired: boolean
  readonly images: string[] = []

  constructor({ showsExpired }: Pick<TableHarness, 'showsExpired'>) {
    this.#showsExpired = showsExpired
  }

  live(name: TableName, key: string, now: number): Item | undefined {
    const found = this.#items.get(`${name}/${key}`)
    return found?.expiresAt !== undefined && found.expiresAt * 1000 <= now ? undefined : found
  }

  write(writes: readonly Write[], now: number): WriteOutcome {
    const failed = [...writes.keys()].filter((n) => {
      const one = writes[n]
      return one?.condition && !holds(one.condition, this.live(one.table, skOf(one), now))
    })
    if (failed.length > 0) return { ok: false, failed }
    for (const one of writes) {
      const old = this.#before(one.table, skOf(one), now)
      if (one.op === 'check') continue
      if (one.op === 'put') this.#items.set(`${one.table}/${one.item.sk}`, one.item)
      else this.#items.delete(`${one.table}/${one.sk}`)
      if (one.op === 'put' || old)
        this.images.push(JSON.stringify([one.table, skOf(one), old?.n, one.op === 'put' ? one.item.n : undefined]))
    }
    return { ok: true }
  }

  sweep(now: number): void {
    for (const [key, { expiresAt = Infinity }] of this.#items) if (expiresAt * 1000 <= now) this.#items.delete(key)
  }

  #before(name: TableName, key: string, now: number): Item | undefined {
    return this.#showsExpired ? this.#items.get(`${name}/${key}`) : this.live(name, key, now)
  }

  list(
    key: 'sk' | IndexName,
    prefix: string,
    { limit, after, descending }: PageRequest,
    now: number,
  ): readonly string[] {
    const live = texts.flatMap((text) => this.live('Keys', text, now) ?? [])
    const keys = live.flatMap((one) => (typeof one[key] === 'string' && one[key].startsWith(prefix) ? [one[key]] : []))
    const sorted = keys.sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)))
    if (descending) sorted.reverse()
    const order = (text: string): number =>
      Buffer.compare(Buffer.from(text), Buffer.from(after ?? '')) * (descending ? -1 : 1)
    const rest = after === undefined ? sorted : sorted.filter((text) => order(text) > 0)
    return [...rest.slice(0, limit), ...(rest.length > limit ? ['more'] : [])]
  }
}

function holds(wanted: Condition, found: Item | undefined): boolean {
  if (wanted.kind === 'absent') return !found
  if (wanted.kind === 'revision') return found?.revision === wanted.revision
  if (wanted.kind === 'fields')
    return (
      found !== undefined && Object.entries(wanted.fields).every(([name, value]) => (found[name] ?? null) === value)
    )
  if (!found) return true
  if (found.epoch === undefined) return false
  return found.epoch === wanted.epoch ? (found.revision ?? Infinity) < wanted.revision : found.epoch < wanted.epoch
}

/** Random steps leave an adapter as they leave the model. */
export async function tableModelLaw(open: OpenTables, numRuns: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const harness = await open()
      try {
        const model = new TableModel(harness)
        const place = { pk: freshPk(), gpk: freshPk() }
        for (const one of steps) await follow(harness, model, one, place)
        await compareAll(harness, model, place.pk)
      } finally {
        await harness.close()
      }
    }),
    { numRuns },
  )
}

async function writeAll(
  { tables: port, commitsInOrder }: TableHarness,
  calls: readonly (readonly Write[])[],
): Promise<readonly WriteOutcome[]> {
  if (commitsInOrder) return Promise.all(calls.map((writes) => port.write(writes)))
  const outcomes: WriteOutcome[] = []
  for (const writes of calls) outcomes.push(await port.write(writes))
  return outcomes
}

interface Place {
  readonly pk: string
  readonly gpk: string
}

async function follow(harness: TableHarness, model: TableModel, one: Step, place: Place): Promise<void> {
  if (one.kind === 'advance') harness.advance(one.seconds * 1000)
  else if (one.kind === 'sweep') {
    model.sweep(harness.now())
    await harness.sweep()
  } else if (one.kind === 'write') {
    const expected = one.calls.map((writes) => model.write(writes, harness.now()))
    const calls = one.calls.map((writes) => writes.map((each) => placed(each, place)))
    expect(await writeAll(harness, calls)).toEqual(expected)
  } else if (one.kind === 'query') {
    const found = await harness.tables.query('Keys', place.pk, one.prefix, one.page)
    const keys = [...found.items.map((each) => each.sk), ...(found.next === undefined ? [] : ['more'])]
    expect(keys).toEqual(model.list('sk', one.prefix, one.page, harness.now()))
  } else {
    const ask = async (): Promise<readonly unknown[]> => {
      const found = await harness.tables.queryIndex('Keys', one.index, place.gpk, one.page)
      return [...found.items.map((each) => each[one.index]), ...(found.next === undefined ? [] : ['more'])]
    }
    const expected = model.list(one.index, '', one.page, harness.now())
    expect(await settled(harness, ask, expected)).toEqual(expected)
  }
}

function placed(one: Write, { pk, gpk }: Place): Write {
  if (one.op !== 'put') return { ...one, pk }
  return { ...one, item: { ...one.item, pk, ...(one.item.gpk !== undefined && { gpk }) } }
}

async function compareAll(harness: TableHarness, model: TableModel, pk: string): Promise<void> {
  for (const name of tables) {
    for (const text of texts) {
      expect((await harness.tables.get(name, pk, text))?.n).toBe(model.live(name, text, harness.now())?.n)
    }
  }
  const changes = (await harness.changes()).filter((change) => change.pk === pk)
  const images = changes.map((change) => JSON.stringify([change.table, change.sk, change.old?.n, change.new?.n]))
  expect(perItem(images)).toEqual(perItem(model.images))
}

/** A stream is in order per item only. */
function perItem(images: readonly string[]): ReadonlyMap<string, readonly string[]> {
  return Map.groupBy(images, (image) => JSON.stringify((JSON.parse(image) as unknown[]).slice(0, 2)))
}
