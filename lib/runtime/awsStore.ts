import { randomUUID } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { Queues, Tables } from '../kms/ports.ts'
import { awsClientOptions } from '../store/awsClientOptions.ts'
import { DynamoTables } from '../store/dynamodb/dynamoTables.ts'
import type { AwsSettings } from './awsSettings.ts'

export interface AwsStore {
  readonly tables: Tables
  readonly queues: Queues
}

/** The tables and queues that serverless.yml makes. AWS_ENDPOINT_URL leads the SDK to an emulator. */
export function openAwsStore({ region, resourcePrefix }: AwsSettings): AwsStore {
  const tables = new DynamoTables({
    client: new DynamoDBClient(awsClientOptions({ region })),
    tableName: (table) => `${resourcePrefix}-${table}`,
    clock: Date.now,
    newId: randomUUID,
  })
  return { tables, queues: { send: async () => undefined } }
}
