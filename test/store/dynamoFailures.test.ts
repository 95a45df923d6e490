import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Write } from '../../lib/ports.ts'
import { DynamoTables } from '../../lib/store/dynamodb/dynamoTables.ts'
import { noWaiting, ScriptedHttp, type Answer, type Asked, type Script } from './scriptedHttp.ts'
import { anItem, refused, written } from './tableHarness.ts'

const absent = { kind: 'absent' } as const
const put: Write = { op: 'put', table: 'Keys', item: anItem('p'), condition: absent }
const check: Write = { op: 'check', table: 'Vaults', pk: 'v', sk: 'row', condition: { kind: 'revision', revision: 1 } }
const done: Answer = { status: 200, body: {} }

const error = (name: string, members: object = {}): Answer => ({
  status: 400,
  body: { __type: `com.amazonaws.dynamodb.v20120810#${name}`, ...members },
})
const cancelled = (...codes: readonly string[]): Answer =>
  error('TransactionCanceledException', { CancellationReasons: codes.map((Code) => ({ Code })) })
const conditionFailed = (Item?: unknown): Answer => error('ConditionalCheckFailedException', { Item })

function open(...answers: Script) {
  const http = new ScriptedHttp(answers)
  const { waits, backOffPorts } = noWaiting()
  let ids = 0
  const tables = new DynamoTables({
    client: new DynamoDBClient({ ...http.clientOptions(), maxAttempts: 2 }),
    tableName: (table) => table,
    clock: () => 1_800_000_000_000,
    newId: () => `id-${(ids += 1)}`,
    ...backOffPorts,
  })
  return { tables, http, waits }
}

const tokens = ({ asked }: ScriptedHttp) => asked.map(({ body }) => body['ClientRequestToken'])

describe('a transaction', () => {
  test.each(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])(
    'that was cancelled by %s is made again after a while, as another',
    async (code) => {
      const { tables, http, waits } = open(cancelled(code, 'None'), cancelled('None', code), done)
      expect(await tables.write([put, check])).toEqual(written)
      expect(waits).toEqual([20, 40])
      expect(new Set(tokens(http)).size).toBe(3)
    },
  )

  test('that is always cancelled by others is given up as failed, after bounded waits', async () => {
    const { tables, http, waits } = open(cancelled('TransactionConflict', 'None'))
    await expect(tables.write([put, check])).rejects.toThrow()
    expect(http.asked).toHaveLength(8)
    expect(waits).toEqual([20, 40, 80, 160, 320, 500, 500])
  })

  test('whose conditions fail is refused at once, whatever else stood in its way', async () => {
    const { tables, http } = open(cancelled('TransactionConflict', 'ConditionalCheckFailed'))
    expect(await tables.write([put, check])).toEqual(refused(1))
    expect(http.asked).toHaveLength(1)
  })

  test('cancelled for what no attempt can cure is an error at once', async () => {
    const { tables, http } = open(cancelled('ValidationError', 'TransactionConflict'))
    await expect(tables.write([put, check])).rejects.toThrow()
    expect(http.asked).toHaveLength(1)
  })

  test('whose answer is lost is asked for again by the same token, and is not a second one', async () => {
    const { tables, http } = open('lost', done)
    expect(await tables.write([put, check])).toEqual(written)
    expect(new Set(tokens(http)).size).toBe(1)
  })

  test('whose answers are all lost is not acknowledged', async () => {
    const { tables } = open('lost')
    await expect(tables.write([put, check])).rejects.toThrow()
  })
})

describe('one conditional put', () => {
  const stored = ({ body }: Asked): Answer => conditionFailed(body['Item'])

  test('whose answer is lost finds its own item and succeeds', async () => {
    const { tables, http } = open('lost', stored)
    expect(await tables.write([put])).toEqual(written)
    expect(http.asked.map(({ operation }) => operation)).toEqual(['PutItem', 'PutItem'])
  })

  test('whose answer is lost is refused where it finds the item of another call', async () => {
    const { tables } = open('lost', ({ body }) => conditionFailed({ ...(body['Item'] as object), $call: { S: 'x' } }))
    expect(await tables.write([put])).toEqual(refused(0))
  })

  test('succeeds where it finds an item of the same attempt, unless that has expired', async () => {
    const found = (members: object) => conditionFailed({ pk: { S: 'p' }, writeId: { S: 'mine' }, ...members })
    expect(await open(found({})).tables.write([put], 'mine')).toEqual(written)
    expect(await open(found({})).tables.write([put], 'other')).toEqual(refused(0))
    expect(await open(found({ expiresAt: { N: '1' } })).tables.write([put], 'mine')).toEqual(refused(0))
  })

  test('that meets a transaction on its item is made again', async () => {
    const { tables, waits } = open(error('TransactionConflictException'), done)
    expect(await tables.write([put])).toEqual(written)
    expect(waits).toEqual([20])
  })

  test('that is throttled is made again', async () => {
    const { tables, http } = open(error('ThrottlingException'), done)
    expect(await tables.write([put])).toEqual(written)
    expect(http.asked).toHaveLength(2)
  })
})

test('a conditional delete is a transaction, which a lost answer does not turn into a refusal', async () => {
  const { tables, http } = open('lost', done)
  const condition = { kind: 'revision', revision: 1 } as const
  expect(await tables.write([{ op: 'delete', table: 'Keys', pk: 'p', sk: 'row', condition }])).toEqual(written)
  expect(http.asked.map(({ operation }) => operation)).toEqual(['TransactWriteItems', 'TransactWriteItems'])
})
