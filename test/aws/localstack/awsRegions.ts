import { randomBytes, randomUUID } from 'node:crypto'
import { DynamoDBStreamsClient, type _Record } from '@aws-sdk/client-dynamodb-streams'
import type { DynamoDBStreamEvent, SQSEvent } from 'aws-lambda'
import { outcomeFunction } from '../../../handlers/replicate/outcome.ts'
import { applyFunction } from '../../../handlers/replicate/apply.ts'
import { fanOutFunction } from '../../../handlers/replicate/fanOut.ts'
import { openSoftwareHsm } from '../../../lib/hsm/software/softwareHsm.ts'
import { newOcid, realm } from '../../../lib/ocid.ts'
import type { Clock, TableName } from '../../../lib/ports.ts'
import { AuditChain } from '../../../lib/kms/auditChain/auditChain.ts'
import { chainedTables } from '../../../lib/kms/auditChain/chainedTables.ts'
import type { RuntimeSettings } from '../../../lib/runtime/composeRegion.ts'
import { jsonLogger } from '../../../lib/runtime/jsonLogger.ts'
import { DynamoTables } from '../../../lib/store/dynamodb/dynamoTables.ts'
import { tableDefinitions } from '../../../lib/store/dynamodb/tableDefinitions.ts'
import { newTenancy, signedCall, type CallableRegion, type StoryCloud } from '../../harness/signedCall.ts'
import { composeTestRegion, regionA, regionB } from '../../harness/twoRegions.ts'
import type { Aws } from './onLocalStack.ts'
import { RunQueues } from './queues.ts'
import { StreamReader } from '../../../offline/streamReader.ts'
import { createTables, deleteTables, tableNames } from './tables.ts'
import { systemBackOff } from './systemBackOff.ts'

interface AwsRegion extends CallableRegion {
  /** Of its audit; heads are signed when a test says so. */
  readonly chain: AuditChain
  /** Each table's stream, with what its function has not taken yet. */
  readonly streams: readonly { readonly reader: StreamReader; waiting: readonly _Record[] }[]
}

export interface AwsCloud extends StoryCloud {
  readonly a: AwsRegion
  readonly b: AwsRegion
  /** How many records the streams have given so far. */
  readonly streamRecords: () => number
  readonly close: () => Promise<void>
}

/** The two regions of test/harness/twoRegions.ts on DynamoDB tables, their streams and SQS queues. */
export async function awsRegions(
  aws: Aws,
  settings: Partial<RuntimeSettings> = {},
  clock: Clock = Date.now,
): Promise<AwsCloud> {
  const nameOf = (table: TableName): string => `${aws.run}-${table}`
  // What fails or must wait comes again after a second.
  const made = await RunQueues.create(aws, [regionA, regionB], 1)
  const open = async (region: string): Promise<AwsRegion> => {
    const client = aws.dynamo(region)
    await createTables(client, nameOf)
    const stored = new DynamoTables({ client, tableName: nameOf, clock, newId: randomUUID, ...systemBackOff })
    const hsm = openSoftwareHsm({ region, realm })
    const log = jsonLogger(() => undefined, 'silent')
    const chain = new AuditChain({
      region,
      tables: stored,
      hsm: () => hsm,
      clock,
      random: randomBytes,
      log,
    })
    const tables = chainedTables(stored, chain)
    const { queues } = made
    const runtime = composeTestRegion({
      region,
      tables,
      queues,
      hsm,
      clock,
      log,
      settings,
    })
    const readers = new DynamoDBStreamsClient(aws.options(region))
    const streams = tableNames
      .filter((table) => tableDefinitions[table].StreamSpecification !== undefined)
      .map(async (table) => ({ reader: await StreamReader.open(client, readers, nameOf(table)), waiting: [] }))
    return { runtime, hsm, chain, streams: await Promise.all(streams) }
  }
  const [a, b] = [await open(regionA), await open(regionB)]
  let streamRecords = 0
  const tenancyId = newOcid(randomBytes, 'tenancy')
  const keyId = await newTenancy([a, b], tenancyId)
  const settle = async (): Promise<void> => {
    let isIdle: boolean
    do {
      const worked = [await pump(a, made), await pump(b, made)]
      streamRecords += worked.reduce((sum, { records }) => sum + records, 0)
      isIdle = worked.every(({ records, messages }) => records + messages === 0) && (await made.areEmpty())
    } while (!isIdle)
  }
  await settle()
  return {
    a,
    b,
    tenancyId,
    call: (region, method, target, body, options = {}) =>
      signedCall(region, keyId, clock(), method, target, body, options),
    settle,
    streamRecords: () => streamRecords,
    close: async () => {
      await made.delete()
      for (const region of [regionA, regionB]) await deleteTables(aws.dynamo(region), nameOf)
    },
  }
}

interface Pumped {
  readonly records: number
  readonly messages: number
}

/** Calls the functions with what streams and queues hold, as event source mappings do. */
async function pump(region: AwsRegion, queues: RunQueues): Promise<Pumped> {
  return { records: await pumpStreams(region), messages: await pumpQueues(region, queues) }
}

async function pumpStreams({ runtime, streams }: AwsRegion): Promise<number> {
  const consume = fanOutFunction(runtime)
  let count = 0
  for (const stream of streams) {
    const records = [...stream.waiting, ...(await stream.reader.read())]
    if (records.length === 0) continue
    count += records.length
    const { batchItemFailures } = await consume({ Records: records } as unknown as DynamoDBStreamEvent)
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
    // The mapping starts again at the first that failed.
    const first = records.findIndex(({ dynamodb }) => failed.has(dynamodb?.SequenceNumber ?? ''))
    stream.waiting = first === -1 ? [] : records.slice(first)
  }
  return count
}

async function pumpQueues({ runtime }: AwsRegion, queues: RunQueues): Promise<number> {
  const consumers = {
    inbox: applyFunction(runtime),
    outcome: outcomeFunction(runtime),
    outbox: fanOutFunction(runtime),
  } as const
  let count = 0
  for (const name of ['inbox', 'outcome', 'outbox'] as const) {
    const from = { region: runtime.region, name }
    const messages = await queues.receive(from)
    if (messages.length === 0) continue
    count += messages.length
    const Records = messages.map(({ MessageId, Body, Attributes }) => ({
      messageId: MessageId,
      body: Body,
      attributes: Attributes,
    }))
    const { batchItemFailures } = await consumers[name]({ Records } as unknown as SQSEvent)
    const failed = new Set(batchItemFailures.map(({ itemIdentifier }) => itemIdentifier))
    await queues.remove(
      from,
      messages.filter(({ MessageId = '' }) => !failed.has(MessageId)),
    )
  }
  return count
}
