import { tableContract } from '../../store/tableContract.ts'
import { tableModelLaw } from '../../store/tableModel.ts'
import { DynamoSuite } from './dynamoHarness.ts'
import { onLocalStack } from './onLocalStack.ts'

await onLocalStack('DynamoDB', (aws) => {
  const suite = new DynamoSuite(aws)
  beforeAll(() => suite.create(), 60_000)
  afterAll(() => suite.delete(), 60_000)

  tableContract('DynamoDB', suite.open)

  test('the tables do what a plain map would do, whatever the order of calls', async () => {
    await tableModelLaw(suite.open, 12)
  }, 120_000)
})
