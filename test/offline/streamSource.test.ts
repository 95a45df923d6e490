import type { _Record } from '@aws-sdk/client-dynamodb-streams'
import type { EventSource } from '../../offline/regionStack.ts'
import { streamSource } from '../../offline/streamSource.ts'

const source: EventSource = {
  kind: 'stream',
  source: 'Keys',
  functionName: 'fanOut',
  batchSize: 4,
  maxRetries: 1,
  deadLetters: 'http://queue/dead',
}

const record = (n: number): _Record => ({ eventID: `e${n}`, dynamodb: { SequenceNumber: String(n) } })
const numbers = (records: readonly _Record[]) => records.map(({ dynamodb }) => Number(dynamodb?.SequenceNumber))

/** A stream of `count` records that is read once, and what the function was called with. */
function withFunction(count: number, answer: (batch: readonly number[]) => readonly number[]) {
  const batches: (readonly number[])[] = []
  const dead: string[] = []
  let unread = Array.from({ length: count }, (_, n) => record(n + 1))
  const step = streamSource(source, {
    reader: {
      read: async () => {
        const records = unread
        unread = []
        return records
      },
    },
    invoke: async (_name, event) => {
      const batch = numbers((event as { Records: readonly _Record[] }).Records)
      batches.push(batch)
      return { batchItemFailures: answer(batch).map((n) => ({ itemIdentifier: String(n) })) }
    },
    sqs: {
      send: async (command: unknown) => {
        dead.push((command as { input: { MessageBody: string } }).input.MessageBody)
      },
    } as never,
    onError: () => undefined,
  })
  return {
    batches,
    dead,
    steps: async (most: number) => {
      for (let n = 0; n < most; n += 1) await step()
    },
  }
}

test('records are delivered in order, in batches of the mapping’s size', async () => {
  const { batches, steps } = withFunction(6, () => [])
  await steps(3)
  expect(batches).toEqual([
    [1, 2, 3, 4],
    [5, 6],
  ])
})

test('after a reported failure the stream goes on from the first record that failed', async () => {
  let isFirst = true
  const { batches, steps } = withFunction(4, () => {
    const failed = isFirst ? [3] : []
    isFirst = false
    return failed
  })
  await steps(2)
  expect(batches).toEqual([
    [1, 2, 3, 4],
    [3, 4],
  ])
})

test('a record that a failing batch hides is found by halving, and given up to the dead letters after its retries', async () => {
  const { batches, dead, steps } = withFunction(4, (batch) => {
    if (batch.includes(2)) throw new Error('poison')
    return []
  })
  await steps(9)
  expect(dead).toEqual([JSON.stringify({ table: 'Keys', eventID: 'e2', sequenceNumber: '2' })])
  const done = batches.filter((batch) => !batch.includes(2)).flat()
  expect(done).toEqual([1, 3, 4])
})

test('what is still waiting is not read over: nothing is lost while the function fails', async () => {
  let fails = 3
  const { batches, dead, steps } = withFunction(1, () => {
    fails -= 1
    return fails > 1 ? [1] : []
  })
  await steps(3)
  expect(dead).toEqual([])
  expect(batches.at(-1)).toEqual([1])
})
