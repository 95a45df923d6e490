import { randomUUID } from 'node:crypto'
import { DynamoDBClient } from '@aws-sdk/client-dynamodb'
import type { SQSClient } from '@aws-sdk/client-sqs'
import { pooledRandom } from '../pooledRandom.ts'
import type { Queues, Tables } from '../ports.ts'
import { awsClientOptions } from '../store/awsClientOptions.ts'
import { DynamoTables } from '../store/dynamodb/dynamoTables.ts'
import { systemTimers } from '../runtime/systemTimers.ts'
import { PeerBreaker } from '../store/peerBreaker.ts'
import { SqsQueues } from '../store/sqs/sqsQueues.ts'
import type { AwsSettings } from './awsSettings.ts'
import { keepWithin, type Deadline } from './deadline.ts'

export interface AwsStore {
  readonly tables: Tables
  readonly queues: Queues
  /** Another region's; roles let functions read there what that region knows of this one. */
  readonly tablesOf: (region: string) => Pick<Tables, 'get'>
}

/** The tables and queues that serverless.yml makes. AWS_ENDPOINT_URL leads the SDK to an emulator. */
export function openAwsStore(settings: AwsSettings, deadline: Deadline): AwsStore {
  const { region, resourcePrefix, accountId, handOffBudgetMs } = settings
  const backOffPorts = { timers: systemTimers, random: pooledRandom() }
  const opened = new Map<string, Tables>()
  const tablesOf = (of: string): Tables => {
    const tables =
      opened.get(of) ??
      new DynamoTables({
        ...backOffPorts,
        client: keepWithin(new DynamoDBClient(awsClientOptions({ region: of })), deadline),
        tableName: (table) => `${resourcePrefix}-${table}`,
        clock: Date.now,
        newId: randomUUID,
      })
    opened.set(of, tables)
    return tables
  }
  const clients = new Map<string, Promise<SQSClient>>()
  const clientOf = (to: string): Promise<SQSClient> => {
    const client = clients.get(to) ?? sqsClient(to, deadline)
    clients.set(to, client)
    return client
  }
  const queues = new PeerBreaker({
    queues: new SqsQueues({
      ...backOffPorts,
      clientOf,
      urlOf: (to) => `https://sqs.${to.region}.amazonaws.com/${accountId}/${resourcePrefix}-${to.name}`,
    }),
    ownRegion: region,
    clock: Date.now,
    timers: systemTimers,
    slowMs: handOffBudgetMs,
  })
  return { tables: tablesOf(region), queues, tablesOf }
}

/** A queue's URL names the queue; where to send a request is the client's to know. Many a function never sends. */
async function sqsClient(region: string, deadline: Deadline): Promise<SQSClient> {
  const { SQSClient: Client } = await import('@aws-sdk/client-sqs')
  return keepWithin(new Client({ ...awsClientOptions({ region }), useQueueUrlAsEndpoint: false }), deadline)
}
