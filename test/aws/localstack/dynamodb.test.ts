import { randomUUID } from 'node:crypto'
import { DescribeTimeToLiveCommand, DynamoDBClient, UpdateTimeToLiveCommand } from '@aws-sdk/client-dynamodb'
import type { Write } from '../../../lib/ports.ts'
import { DynamoTables } from '../../../lib/store/dynamodb/dynamoTables.ts'
import { tableDefinitions } from '../../../lib/store/dynamodb/tableDefinitions.ts'
import { tableContract } from '../../store/tableContract.ts'
import { anItem, freshPk, refused, written } from '../../store/tableHarness.ts'
import { tableModelLaw } from '../../store/tableModel.ts'
import { DynamoSuite, suiteRegion } from './dynamoHarness.ts'
import { onLocalStack } from './onLocalStack.ts'
import { startDynamoDb } from './startDynamoDb.ts'
import { systemBackOff } from './systemBackOff.ts'

const absent = { kind: 'absent' } as const
const revision = (n: number) => ({ kind: 'revision', revision: n }) as const
const put = (pk: string, members: object, condition?: Write['condition']): Write => ({
  op: 'put',
  table: 'Keys',
  item: anItem(pk, members),
  ...(condition && { condition }),
})

/** Calls that must not be made twice: by what each leaves in a partition that holds `row` and `gone` of revision 1. */
const calls: readonly { title: string; writes: (pk: string) => readonly Write[]; changes: number }[] = [
  { title: 'a put of what is absent', writes: (pk) => [put(pk, { sk: 'new' }, absent)], changes: 1 },
  { title: 'a put over a revision', writes: (pk) => [put(pk, { revision: 2 }, revision(1))], changes: 1 },
  {
    title: 'a delete of a revision',
    writes: (pk) => [{ op: 'delete', table: 'Keys', pk, sk: 'gone', condition: revision(1) }],
    changes: 1,
  },
  {
    title: 'a transaction',
    writes: (pk) => [
      put(pk, { sk: 'new' }),
      put(pk, { revision: 2 }, revision(1)),
      { op: 'delete', table: 'Keys', pk, sk: 'gone', condition: revision(1) },
    ],
    changes: 3,
  },
]

await onLocalStack(
  'DynamoDB',
  (aws) => {
    const suite = new DynamoSuite(aws)
    beforeAll(() => suite.create())
    afterAll(() => suite.delete())

    tableContract('DynamoDB', suite.open)

    test('the tables do what a plain map would do, whatever the order of calls', async () => {
      await tableModelLaw(suite.open, 12)
    })

    /** Each call's first answer is lost on its way, after DynamoDB has done the work. */
    const losingAnswers = (): DynamoTables => {
      const client = new DynamoDBClient(aws.options(suiteRegion))
      let sent = 0
      client.middlewareStack.add(
        (next) => async (args) => {
          sent += 1
          const answer = await next(args)
          if (sent % 2 === 1) throw Object.assign(new Error('The answer is lost.'), { name: 'TimeoutError' })
          return answer
        },
        { step: 'deserialize', priority: 'high' },
      )
      const clock = () => 1_800_000_000_000
      return new DynamoTables({ client, tableName: suite.tableName, clock, newId: randomUUID, ...systemBackOff })
    }

    test.each(calls)('$title is made once, though its answer is lost', async ({ writes, changes }) => {
      const { tables, changes: allChanges } = await suite.open()
      const pk = freshPk()
      await tables.write([put(pk, {}), put(pk, { sk: 'gone' })])
      expect(await losingAnswers().write(writes(pk))).toEqual(written)
      const made = (await allChanges()).filter((change) => change.pk === pk)
      expect(made).toHaveLength(2 + changes)
      expect(await tables.write(writes(pk))).toMatchObject({ ok: false })
    })

    test('a put that fails is refused, though the answer that said so is lost', async () => {
      const { tables } = await suite.open()
      const pk = freshPk()
      await tables.write([put(pk, {})])
      expect(await losingAnswers().write([put(pk, { state: 'NEW' }, absent)])).toEqual(refused(0))
      expect(await tables.get('Keys', pk, 'row')).toEqual(anItem(pk))
    })

    test('expiry by the attribute that the definitions name is what DynamoDB takes', async () => {
      const TableName = suite.tableName('Requests')
      const { TimeToLiveSpecification } = tableDefinitions.Requests
      await suite.client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }))
      const { TimeToLiveDescription } = await suite.client.send(new DescribeTimeToLiveCommand({ TableName }))
      expect(TimeToLiveDescription).toMatchObject({ AttributeName: 'expiresAt', TimeToLiveStatus: 'ENABLED' })
    })
  },
  startDynamoDb,
)
