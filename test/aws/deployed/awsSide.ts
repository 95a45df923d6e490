import { writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import {
  DeleteTableCommand,
  DynamoDBClient,
  GetItemCommand,
  paginateScan,
  RestoreTableToPointInTimeCommand,
  waitUntilTableExists,
} from '@aws-sdk/client-dynamodb'
import {
  GetFunctionConfigurationCommand,
  InvokeCommand,
  LambdaClient,
  ListEventSourceMappingsCommand,
  UpdateEventSourceMappingCommand,
  UpdateFunctionConfigurationCommand,
} from '@aws-sdk/client-lambda'
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListBucketsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { GetQueueAttributesCommand, GetQueueUrlCommand, PurgeQueueCommand, SQSClient } from '@aws-sdk/client-sqs'
import { until } from '../../harness/until.ts'

const prefix = 'vaultspan-local'
const day = 86_400_000

/** What an operator of the account sees and does beside the service. */
export class AwsSide {
  readonly #endpoint: string
  readonly #home: string

  constructor(endpoint: string, home: string) {
    this.#endpoint = endpoint
    this.#home = home
  }

  #options(region: string) {
    return { region, endpoint: this.#endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } }
  }

  /** Calls a function as EventBridge does. */
  async invoke(region: string, name: string): Promise<void> {
    const FunctionName = `${prefix}-${name}`
    const { FunctionError, Payload } = await new LambdaClient(this.#options(region)).send(
      new InvokeCommand({ FunctionName, Payload: '{}' }),
    )
    if (FunctionError !== undefined) throw new Error(Buffer.from(Payload ?? []).toString())
  }

  /** Sets a function's clock ahead from outside, by what Node loads before it; gives what sets it right again. */
  async setAhead(region: string, name: string, days: number): Promise<() => Promise<void>> {
    const client = new LambdaClient(this.#options(region))
    const FunctionName = `${prefix}-${name}`
    const { Environment } = await client.send(new GetFunctionConfigurationCommand({ FunctionName }))
    const configure = async (more: Readonly<Record<string, string>>) => {
      const Variables = { ...Environment?.Variables, ...more }
      await client.send(new UpdateFunctionConfigurationCommand({ FunctionName, Environment: { Variables } }))
    }
    const NODE_OPTIONS = `--import=${new URL('shiftedClock.ts', import.meta.url).href}`
    await configure({ NODE_OPTIONS, CLOCK_AHEAD_MS: String(days * day) })
    return () => configure({})
  }

  /** What is still to fall due in a region, the earliest first. */
  async reminders(region: string): Promise<readonly string[]> {
    const pages = paginateScan(
      { client: new DynamoDBClient(this.#options(region)) },
      {
        TableName: `${prefix}-Replication`,
        FilterExpression: 'begins_with(pk, :due)',
        ExpressionAttributeValues: { ':due': { S: 'due#' } },
      },
    )
    const found: string[] = []
    for await (const { Items = [] } of pages) found.push(...Items.map(({ sk }) => sk?.S ?? ''))
    return found.sort()
  }

  /** Whether `reconcile` has ever ended a run, which keeps where the next one goes on (lib/replication/reconcile.ts). */
  async hasReconciled(region: string): Promise<boolean> {
    return (await this.#row(region, 'reconcile', 'cursor')) !== undefined
  }

  /** Restores the tables to now, each beside itself: MiniStack has no other point in time. */
  async restoreTables(region: string, suffix: string): Promise<void> {
    const client = new DynamoDBClient(this.#options(region))
    for (const table of ['Vaults', 'Keys', 'Identity', 'Requests', 'Replication']) {
      const SourceTableName = `${prefix}-${table}`
      const restored = { SourceTableName, TargetTableName: SourceTableName + suffix, UseLatestRestorableTime: true }
      await client.send(new RestoreTableToPointInTimeCommand(restored))
      await waitUntilTableExists({ client, maxWaitTime: 60 }, { TableName: SourceTableName + suffix })
    }
  }

  async deleteTables(region: string, suffix: string): Promise<void> {
    const client = new DynamoDBClient(this.#options(region))
    for (const table of ['Vaults', 'Keys', 'Identity', 'Requests', 'Replication'])
      await client.send(new DeleteTableCommand({ TableName: `${prefix}-${table}${suffix}` }))
  }

  /** How often `reconcile` has raised the marks of a region's tables; 0 where it never did. */
  async mark(region: string): Promise<number> {
    return Number((await this.#row(region, 'tableMark', 'standing'))?.['revision']?.N ?? 0)
  }

  /** Waits until another region knows of a later mark than this. */
  async peerKnows(region: string, mark: number): Promise<void> {
    const others = ['us-east-1', 'us-west-2'].filter((each) => each !== region)
    let known: readonly number[] = []
    const isKnown = async () => {
      const rows = await Promise.all(others.map((each) => this.#row(each, 'peerMark', region)))
      known = rows.map((row) => Number(row?.['revision']?.N ?? 0))
      return known.some((each) => each > mark)
    }
    await until(isKnown, () => ({ region, known, mark }), 300)
  }

  /** Whether a region's tables were found put back. */
  async isPutBack(region: string): Promise<boolean> {
    const found = (await this.#row(region, 'tableMark', 'standing'))?.['putBack']
    return found !== undefined && found.NULL !== true
  }

  async #row(region: string, pk: string, sk: string) {
    const { Item } = await new DynamoDBClient(this.#options(region)).send(
      new GetItemCommand({ TableName: `${prefix}-Replication`, Key: { pk: { S: pk }, sk: { S: sk } } }),
    )
    return Item
  }

  /** In what form a region has a vault's keys. */
  async formOfVaultKeys(region: string, vaultId: string): Promise<string | undefined> {
    const { Item } = await new DynamoDBClient(this.#options(region)).send(
      new GetItemCommand({ TableName: `${prefix}-Vaults`, Key: { pk: { S: vaultId }, sk: { S: 'keys' } } }),
    )
    return Item?.['wrapped']?.M?.['format']?.S
  }

  /**
   * Loses every message that reaches a region's inbox while something is done; then `whileLost`, before anything can arrive
   * again. Returns how many there were.
   */
  async losingInbox(region: string, act: () => Promise<void>, whileLost: () => Promise<void>): Promise<number> {
    const lambda = new LambdaClient(this.#options(region))
    const sqs = new SQSClient({ ...this.#options(region), useQueueUrlAsEndpoint: false })
    const { EventSourceMappings = [] } = await lambda.send(
      new ListEventSourceMappingsCommand({ FunctionName: `${prefix}-apply` }),
    )
    const enable = async (Enabled: boolean) => {
      for (const { UUID } of EventSourceMappings) {
        await lambda.send(new UpdateEventSourceMappingCommand({ UUID, Enabled }))
      }
    }
    const { QueueUrl } = await sqs.send(new GetQueueUrlCommand({ QueueName: `${prefix}-inbox` }))
    const waiting = async () => {
      const names = ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'] as const
      const attributes = { QueueUrl, AttributeNames: [...names] }
      const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand(attributes))
      return names.reduce((sum, name) => sum + Number(Attributes[name]), 0)
    }
    await enable(false)
    try {
      await act()
      // What the stream adds to what was handed off comes a moment later.
      let [before, count] = [0, await waiting()]
      for (let tries = 0; count === 0 || count !== before; tries += 1) {
        if (tries === 150) throw new Error(`The inbox is not at rest: ${before} messages, then ${count}.`)
        await new Promise((done) => setTimeout(done, 2000))
        before = count
        count = await waiting()
      }
      await sqs.send(new PurgeQueueCommand({ QueueUrl }))
      await whileLost()
      return count
    } finally {
      await enable(true)
    }
  }

  async backupBucket(): Promise<string | undefined> {
    const { Buckets = [] } = await new S3Client(this.#options(this.#home)).send(new ListBucketsCommand({}))
    return Buckets.map(({ Name = '' }) => Name).find((name) => name.startsWith(`${prefix}-backups-${this.#home}-`))
  }

  /** A bucket of that name without a stack, while something is done. */
  async withBackupBucket(Bucket: string, act: () => Promise<void>): Promise<void> {
    const client = new S3Client(this.#options(this.#home))
    await client.send(new CreateBucketCommand({ Bucket }))
    try {
      await act()
    } finally {
      await client.send(new DeleteBucketCommand({ Bucket }))
    }
  }

  /** Gives the objects of a bucket that is there while something is done, as files in a directory. */
  async fetched(Bucket: string, directory: string, act: () => Promise<void>): Promise<void> {
    const client = new S3Client(this.#options(this.#home))
    await client.send(new CreateBucketCommand({ Bucket }))
    await act()
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }))
    for (const { Key = '' } of Contents) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }))
      await writeFile(join(directory, basename(Key)), (await Body?.transformToByteArray()) ?? '')
      await client.send(new DeleteObjectCommand({ Bucket, Key }))
    }
    await client.send(new DeleteBucketCommand({ Bucket }))
  }

  /** Every version of every object in the bucket of backups, by its path. */
  async backups(): Promise<readonly string[]> {
    const { Versions = [] } = await new S3Client(this.#options(this.#home)).send(
      new ListObjectVersionsCommand({ Bucket: await this.backupBucket() }),
    )
    return Versions.map(({ Key = '' }) => Key).sort()
  }
}
