import { randomUUID } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SQSClient } from '@aws-sdk/client-sqs'
import type { Queues, Tables } from '../kms/ports.ts'
import { awsClientOptions } from '../store/awsClientOptions.ts'
import { DynamoTables } from '../store/dynamodb/dynamoTables.ts'
import { SqsQueues } from '../store/sqs/sqsQueues.ts'
import type { AwsSettings } from './awsSettings.ts'

export interface AwsStore {
  readonly tables: Tables
  readonly queues: Queues
}

/** The tables and queues that serverless.yml makes. AWS_ENDPOINT_URL leads the SDK to an emulator. */
export function openAwsStore({ region, regions, resourcePrefix, accountId }: AwsSettings): AwsStore {
  const tables = new DynamoTables({
    client: new DynamoDBClient(awsClientOptions({ region })),
    tableName: (table) => `${resourcePrefix}-${table}`,
    clock: Date.now,
    newId: randomUUID,
  })
  const clients = new Map(regions.map((each) => [each, sqsClient(each)]))
  const queues = new SqsQueues({
    clientOf: (to) => clients.get(to) ?? sqsClient(to),
    urlOf: (to) => `https://sqs.${to.region}.amazonaws.com/${accountId}/${resourcePrefix}-${to.name}`,
  })
  return { tables, queues }
}

/** A queue's URL names the queue; where to send a request is the client's to know. */
function sqsClient(region: string): SQSClient {
  return new SQSClient({ ...awsClientOptions({ region }), useQueueUrlAsEndpoint: false })
}
