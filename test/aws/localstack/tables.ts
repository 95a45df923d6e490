import { CreateTableCommand, DeleteTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { TableName } from '../../../lib/ports.ts'
import { tableDefinitions } from '../../../lib/store/dynamodb/tableDefinitions.ts'

export const tableNames = Object.keys(tableDefinitions) as TableName[]

/** Every table of a region. Without expiry: the emulator's would remove by its own clock what the suites' clocks still show. */
export async function createTables(client: DynamoDBClient, nameOf: (table: TableName) => string): Promise<void> {
  for (const table of tableNames) {
    const { TimeToLiveSpecification: _, StreamSpecification, ...definition } = tableDefinitions[table]
    await client.send(
      new CreateTableCommand({
        TableName: nameOf(table),
        BillingMode: 'PAY_PER_REQUEST',
        AttributeDefinitions: [...definition.AttributeDefinitions],
        KeySchema: [...definition.KeySchema],
        GlobalSecondaryIndexes: definition.GlobalSecondaryIndexes?.map(({ KeySchema, ...index }) => ({
          ...index,
          KeySchema: [...KeySchema],
        })),
        ...(StreamSpecification && { StreamSpecification: { StreamEnabled: true, ...StreamSpecification } }),
      }),
    )
  }
}

export async function deleteTables(client: DynamoDBClient, nameOf: (table: TableName) => string): Promise<void> {
  for (const table of tableNames) await client.send(new DeleteTableCommand({ TableName: nameOf(table) }))
}
