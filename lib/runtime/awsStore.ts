import { randomUUID } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs'
import type { Queues, Tables } from '../kms/ports.ts'
import { awsClientOptions } from '../store/awsClientOptions.ts'
import { DynamoTables } from '../store/dynamodb/dynamoTables.ts'
import type { AwsSettings } from './awsSettings.ts'

export interface AwsStore {
  readonly tables: Tables
  readonly queues: Queues
}

/** The tables and queues that serverless.yml makes. AWS_ENDPOINT_URL leads the SDK to an emulator. */
export function openAwsStore({ region, resourcePrefix, accountId }: AwsSettings): AwsStore {
  const tables = new DynamoTables({
    client: new DynamoDBClient(awsClientOptions({ region })),
    tableName: (table) => `${resourcePrefix}-${table}`,
    clock: Date.now,
    newId: randomUUID,
  })
  const clients = new Map<string, SQSClient>()
  const queues: Queues = {
    send: async (to, messages) => {
      const client =
        clients.get(to.region) ??
        new SQSClient({ ...awsClientOptions({ region: to.region }), useQueueUrlAsEndpoint: false })
      clients.set(to.region, client)
      const QueueUrl = `https://sqs.${to.region}.amazonaws.com/${accountId}/${resourcePrefix}-${to.name}`
      for (const { body, delaySeconds } of messages)
        await client.send(new SendMessageCommand({ QueueUrl, MessageBody: body, DelaySeconds: delaySeconds ?? 0 }))
    },
  }
  return { tables, queues }
}
