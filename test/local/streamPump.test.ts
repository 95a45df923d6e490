import { unmarshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { deadChanges } from '../../lib/replication/deadChanges.ts'
import { StreamPump, type StreamPumpOptions } from '../../local/pumps/streamPump.ts'
import { streamedTables, type Item, type TableName } from '../../lib/ports.ts'
import type { SqliteRegionStore } from '../../lib/store/sqlite/openSqliteRegionStore.ts'
import { until } from '../harness/until.ts'
import { withStore } from './pumpHarness.ts'

type Consume = StreamPumpOptions['consume']

async function withPump(
  { tables }: SqliteRegionStore,
  consume: Consume,
  body: (pump: Pick<StreamPump, 'isIdle' | 'stop'>, errors: readonly unknown[]) => Promise<void>,
): Promise<void> {
  const errors: unknown[] = []
  const onError = (cause: unknown) => errors.push(cause)
  const options = { consume, windowMs: 5, firstRetryMs: 2, onError }
  const pumps = streamedTables.map((table) => new StreamPump({ stream: tables.stream(table), tables }, options))
  const all = {
    get isIdle() {
      return pumps.every((pump) => pump.isIdle)
    },
    stop: async () => {
      await Promise.all(pumps.map((pump) => pump.stop()))
    },
  }
  try {
    await body(all, errors)
  } finally {
    await all.stop()
  }
}

async function put({ tables }: SqliteRegionStore, table: TableName, pk: string, more: Partial<Item> = {}) {
  await tables.write([{ op: 'put', table, item: { pk, sk: 'row', ...more } }])
}

function keysOf({ Records }: DynamoDBStreamEvent): string[] {
  return Records.map(nameOf)
}

function nameOf({ dynamodb }: DynamoDBRecord): string {
  const keys = dynamodb?.Keys as Parameters<typeof unmarshall>[0] | undefined
  return keys === undefined ? '' : String(unmarshall(keys)['pk'])
}

async function isDrained({ tables }: SqliteRegionStore): Promise<boolean> {
  return (await tables.readChanges(0, 1)).length === 0
}

const nothingFailed = { batchItemFailures: [] }

test('changes reach the function in the order of their commits, as a DynamoDB stream tells them', () =>
  withStore(async (store) => {
    const records: DynamoDBRecord[] = []
    const consume: Consume = async (event) => {
      records.push(...event.Records)
      return nothingFailed
    }
    await withPump(store, consume, async () => {
      await put(store, 'Keys', 'a', { state: 'ENABLED', count: 1 })
      await put(store, 'Keys', 'a', { state: 'DISABLED', count: 2 })
      await store.tables.write([{ op: 'delete', table: 'Keys', pk: 'a', sk: 'row' }])
      await until(() => isDrained(store))
    })
    expect(records.map(({ eventName }) => eventName)).toEqual(['INSERT', 'MODIFY', 'REMOVE'])
    expect(records[1]).toMatchObject({
      eventSource: 'aws:dynamodb',
      dynamodb: {
        Keys: { pk: { S: 'a' }, sk: { S: 'row' } },
        OldImage: { state: { S: 'ENABLED' }, count: { N: '1' } },
        NewImage: { state: { S: 'DISABLED' }, count: { N: '2' } },
      },
    })
    expect(new Set(records.map(({ eventID }) => eventID)).size).toBe(3)
  }))

test('a number beyond 2^53 that was stored before it was refused is told as it is stored', () =>
  withStore(async (store) => {
    const records: DynamoDBRecord[] = []
    const consume: Consume = async (event) => {
      records.push(...event.Records)
      return nothingFailed
    }
    await put(store, 'Keys', 'a', { tags: { ops: { cost: 2 ** 60 } } })
    await withPump(store, consume, () => until(() => isDrained(store)))
    expect(records[0]?.dynamodb?.NewImage).toMatchObject({
      tags: { M: { ops: { M: { cost: { N: String(2 ** 60) } } } } },
    })
    expect(await deadChanges(store.tables, 10)).toEqual([])
  }))

test('a call holds the changes of one table, and at most a hundred', () =>
  withStore(async (store) => {
    const calls: DynamoDBStreamEvent[] = []
    const consume: Consume = async (event) => {
      calls.push(event)
      return nothingFailed
    }
    for (let index = 0; index < 130; index += 1) await put(store, index % 2 === 0 ? 'Keys' : 'Vaults', `row ${index}`)
    await withPump(store, consume, () => until(() => isDrained(store)))
    expect(calls.flatMap(keysOf)).toHaveLength(130)
    for (const { Records } of calls) {
      expect(Records.length).toBeLessThanOrEqual(100)
      expect(new Set(Records.map(({ eventID }) => eventID?.split('-')[0])).size).toBe(1)
    }
  }))

test('tables without a stream do not wake it', () =>
  withStore(async (store) => {
    const consume: Consume = async () => {
      throw new Error('nothing has changed')
    }
    await withPump(store, consume, async (pump, errors) => {
      await until(() => pump.isIdle)
      await put(store, 'Audit', 'a')
      expect(pump.isIdle).toBe(true)
      expect(errors).toEqual([])
    })
  }))

test('a batch that fails comes again until it is taken', () =>
  withStore(async (store) => {
    let calls = 0
    const consume: Consume = async () => {
      calls += 1
      if (calls < 4) throw new Error('not yet')
      return nothingFailed
    }
    await put(store, 'Keys', 'a')
    await withPump(store, consume, () => until(() => isDrained(store)))
    expect(calls).toBe(4)
    expect(await deadChanges(store.tables, 10)).toEqual([])
  }))

describe('a change that always fails', () => {
  const total = 150
  const isPoison = (name: string) => name === 'row 37' || name === 'row 120'

  test.each<[string, (event: DynamoDBStreamEvent) => ReturnType<Consume>]>([
    [
      'is found by halving where the function only throws',
      async (event) => {
        if (keysOf(event).some(isPoison)) throw new Error('poison')
        return nothingFailed
      },
    ],
    [
      'is known at once where the function names it',
      async ({ Records }) => {
        const failed = Records.filter((record) => isPoison(nameOf(record)))
        return {
          batchItemFailures: failed.map(({ dynamodb }) => ({ itemIdentifier: dynamodb?.SequenceNumber ?? '' })),
        }
      },
    ],
  ])('%s; it becomes a dead letter and blocks no other', (_, judge) =>
    withStore(async (store) => {
      const taken = new Set<string>()
      const consume: Consume = async (event) => {
        const result = await judge(event)
        for (const name of keysOf(event)) if (!isPoison(name)) taken.add(name)
        return result
      }
      for (let index = 0; index < total; index += 1) await put(store, 'Keys', `row ${index}`)
      await withPump(store, consume, () => until(() => isDrained(store)))
      expect(taken.size).toBe(total - 2)
      const dead = await deadChanges(store.tables, 10)
      expect(dead.map(({ change }) => change)).toEqual([
        { table: 'Keys', pk: 'row 37', sk: 'row' },
        { table: 'Keys', pk: 'row 120', sk: 'row' },
      ])
    }),
  )
})

test('what fails in one table holds up no other table', () =>
  withStore(async (store) => {
    const taken: string[] = []
    let fails = true
    const consume: Consume = async (event) => {
      if (fails && event.Records.some(({ eventID }) => eventID?.startsWith('Keys'))) throw new Error('not yet')
      taken.push(...keysOf(event))
      return nothingFailed
    }
    await put(store, 'Keys', 'key')
    await put(store, 'Identity', 'policy')
    await withPump(store, consume, async () => {
      await until(() => taken.includes('policy'))
      fails = false
      await until(() => isDrained(store))
    })
    expect(taken).toEqual(['policy', 'key'])
  }))

test('stopping waits for the batch that is worked on; what it did not take is still there', () =>
  withStore(async (store) => {
    const { promise: begun, resolve: begin } = Promise.withResolvers<undefined>()
    let hasEnded = false
    const consume: Consume = async () => {
      begin(undefined)
      await new Promise((resolve) => setTimeout(resolve, 50))
      hasEnded = true
      throw new Error('too late')
    }
    await put(store, 'Keys', 'a')
    await withPump(store, consume, async (pump) => {
      await begun
      await pump.stop()
      expect(hasEnded).toBe(true)
    })
    expect(await isDrained(store)).toBe(false)
  }))
