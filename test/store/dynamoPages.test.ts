import { randomBytes } from 'node:crypto'
import type { DynamoDBClient, QueryCommand, QueryCommandOutput } from '@aws-sdk/client-dynamodb'
import { systemTimers } from '../../lib/runtime/systemTimers.ts'
import { DynamoTables } from '../../lib/store/dynamodb/dynamoTables.ts'

/** How DynamoDB's own pages become the port's: it ends an answer at 1 MB, whatever it was asked for. */

type Answer = Pick<QueryCommandOutput, 'Items' | 'LastEvaluatedKey' | 'ScannedCount'>

const item = (sk: string) => ({ pk: { S: 'p' }, sk: { S: sk } })
const key = (sk: string) => ({ pk: { S: 'p' }, sk: { S: sk } })

function answering(answers: readonly Answer[]) {
  const asked: (number | undefined)[] = []
  const client = {
    send: async ({ input }: QueryCommand) => {
      asked.push(input.Limit)
      return answers[asked.length - 1] ?? {}
    },
  } as unknown as DynamoDBClient
  const tables = new DynamoTables({
    client,
    tableName: (table) => table,
    clock: () => 0,
    newId: () => 'id',
    timers: systemTimers,
    random: randomBytes,
  })
  const page = async () => {
    const { items, next } = await tables.query('Keys', 'p', '', { limit: 9 })
    return { keys: items.map(({ sk }) => sk), next }
  }
  return { asked, page }
}

test.each<[string, readonly Answer[], readonly string[], string | undefined, readonly number[]]>([
  [
    'is a page, though it holds fewer than were asked for',
    [{ Items: [item('a'), item('b')], ScannedCount: 2, LastEvaluatedKey: key('b') }],
    ['a', 'b'],
    'b',
    [10],
  ],
  [
    'of which nothing is shown is followed by the next one',
    [
      { Items: [], ScannedCount: 3, LastEvaluatedKey: key('c') },
      { Items: [item('d')], ScannedCount: 1 },
    ],
    ['d'],
    undefined,
    [10, 10],
  ],
  ['that is the last one ends the list', [{ Items: [item('a')], ScannedCount: 1 }], ['a'], undefined, [10]],
])('an answer that ended early %s', async (_what, answers, keys, next, limits) => {
  const { asked, page } = answering(answers)
  expect(await page()).toEqual({ keys, next })
  expect(asked).toEqual(limits)
})

test('items that have expired do not make a page short', async () => {
  const { asked, page } = answering([
    { Items: [item('a')], ScannedCount: 10, LastEvaluatedKey: key('j') },
    { Items: [item('k')], ScannedCount: 1 },
  ])
  expect(await page()).toEqual({ keys: ['a', 'k'], next: undefined })
  expect(asked).toEqual([10, 9])
})
