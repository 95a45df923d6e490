import type { DynamoDBRecord, DynamoDBStreamEvent } from 'aws-lambda'
import { StreamMapping } from '../../local/pumps/streamMapping.ts'

const recordOf = (n: number): DynamoDBRecord => ({ dynamodb: { SequenceNumber: String(n) } })
const numbersOf = ({ Records }: DynamoDBStreamEvent) => Records.map(({ dynamodb }) => Number(dynamodb?.SequenceNumber))

interface Case {
  readonly toRecord?: (n: number) => DynamoDBRecord
  /** The numbers that it reports as failed. */
  readonly judge?: (batch: readonly number[]) => readonly number[]
  readonly batchSize?: number
}

/** A stream of the numbers 1 to `count`, and what became of them. */
function mappingOf(count: number, { toRecord = recordOf, judge = () => [], batchSize = 8 }: Case) {
  let waiting = Array.from({ length: count }, (_, index) => index + 1)
  const calls: (readonly number[])[] = []
  const buried: number[] = []
  const waits: number[] = []
  const mapping = new StreamMapping<number>({
    stream: {
      read: async (limit) => waiting.slice(0, limit),
      done: async (changes) => {
        expect(waiting.slice(0, changes.length)).toEqual(changes)
        waiting = waiting.slice(changes.length)
      },
      bury: async (n) => {
        expect(waiting).toContain(n)
        buried.push(n)
      },
    },
    toRecord,
    invoke: async (event) => {
      const batch = numbersOf(event)
      calls.push(batch)
      return { batchItemFailures: judge(batch).map((n) => ({ itemIdentifier: String(n) })) }
    },
    batchSize,
    maxTries: 3,
    retryMs: (tries) => tries * 100,
    onError: () => undefined,
  })
  const run = async () => {
    for (let wait = await mapping.step(); wait !== undefined; wait = await mapping.step())
      if (wait > 0) waits.push(wait)
  }
  return { calls, buried, waits, run }
}

test('a change that no event can tell is buried at once: nothing behind it waits', async () => {
  const toRecord = (n: number) => {
    if (n === 3 || n === 4) throw new Error('too large a number')
    return recordOf(n)
  }
  const { calls, buried, waits, run } = mappingOf(6, { toRecord })
  await run()
  expect({ calls, buried, waits }).toEqual({
    calls: [
      [1, 2],
      [5, 6],
    ],
    buried: [3, 4],
    waits: [],
  })
})

test('a change that is named as failed is tried again by itself, with longer waits, and buried after its tries', async () => {
  const { buried, waits, run } = mappingOf(6, { judge: (batch) => batch.filter((n) => n === 2) })
  await run()
  expect({ buried, waits }).toEqual({ buried: [2], waits: [100, 200] })
})

test('a batch that fails as a whole is halved to the change that fails, and grows again behind it', async () => {
  const judge = (batch: readonly number[]) => {
    if (batch.includes(5)) throw new Error('poison')
    return []
  }
  const { calls, buried, run } = mappingOf(30, { judge })
  await run()
  expect(buried).toEqual([5])
  const taken = calls.filter((batch) => !batch.includes(5))
  expect(taken.flat()).toEqual(Array.from({ length: 30 }, (_, index) => index + 1).filter((n) => n !== 5))
  expect(taken.map(({ length }) => length)).toContain(8)
})
