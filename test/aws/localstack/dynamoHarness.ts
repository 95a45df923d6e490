import { randomUUID } from 'node:crypto'
import { DeleteItemCommand, PutItemCommand, ScanCommand, type AttributeValue } from '@aws-sdk/client-dynamodb'
import { DynamoDBStreamsClient, type _Record } from '@aws-sdk/client-dynamodb-streams'
import { streamedTables, type TableName } from '../../../lib/ports.ts'
import type { Change } from '../../../lib/store/change.ts'
import { DynamoTables } from '../../../lib/store/dynamodb/dynamoTables.ts'
import { itemOf, type Image } from '../../../lib/store/dynamodb/itemImage.ts'
import type { TableHarness } from '../../store/tableHarness.ts'
import type { Aws } from './onLocalStack.ts'
import { StreamReader } from '../../../offline/streamReader.ts'
import { createTables, deleteTables } from './tables.ts'
import { systemBackOff } from './systemBackOff.ts'

export const suiteRegion = 'us-east-1'
const start = 1_800_000_000_000

/** The tables of a suite: made once, because each takes its time; its tests keep to partitions of their own. */
export class DynamoSuite {
  readonly #aws: Aws
  readonly #readers = new Map<TableName, StreamReader>()
  readonly #changes = new Map<TableName, Change[]>()
  readonly #swept = new Set<string>()
  #barriers = 0

  constructor(aws: Aws) {
    this.#aws = aws
  }

  get client() {
    return this.#aws.dynamo(suiteRegion)
  }

  readonly tableName = (table: TableName): string => `${this.#aws.run}-${table}`

  async create(): Promise<void> {
    await createTables(this.client, this.tableName)
    const streams = new DynamoDBStreamsClient(this.#aws.options(suiteRegion))
    for (const table of streamedTables) {
      this.#readers.set(table, await StreamReader.open(this.client, streams, this.tableName(table)))
    }
  }

  async delete(): Promise<void> {
    await deleteTables(this.client, this.tableName)
  }

  readonly open = async (): Promise<TableHarness> => {
    let time = start
    const clock = () => time
    const tables = new DynamoTables({
      client: this.client,
      tableName: this.tableName,
      clock,
      newId: randomUUID,
      ...systemBackOff,
    })
    const opened = Date.now()
    return {
      tables,
      advance: (ms) => {
        time += ms
      },
      now: clock,
      commitsInOrder: false,
      showsExpired: true,
      // DynamoDB's streams tell the second, those of DynamoDB Local the minute.
      commitGrainMs: 61_000,
      // The stream's clock is the emulator's.
      changes: async () =>
        (await this.#read()).map((change) => ({ ...change, committedAt: change.committedAt - opened + time })),
      sweep: () => this.#sweep(time),
      close: async () => undefined,
    }
  }

  /** Reads until an item put last has come: the emulator's streams have one shard, which is in order. */
  async #read(): Promise<readonly Change[]> {
    this.#barriers += 1
    const barrier = `barrier-${this.#barriers}`
    await Promise.all(streamedTables.map((table) => this.#readTo(table, barrier)))
    return streamedTables.flatMap((table) => this.#changes.get(table) ?? [])
  }

  async #readTo(table: TableName, barrier: string): Promise<void> {
    const Item = { pk: { S: barrier }, sk: { S: barrier } }
    await this.client.send(new PutItemCommand({ TableName: this.tableName(table), Item }))
    const changes = this.#changes.get(table) ?? []
    this.#changes.set(table, changes)
    while (!changes.some(({ pk }) => pk === barrier)) {
      const records = (await this.#readers.get(table)?.read()) ?? []
      changes.push(...records.flatMap((record) => this.#changeOf(table, record)))
    }
  }

  /** The emulator is not let to remove by its own clock; so this does, and what it does is no change. */
  async #sweep(nowMs: number): Promise<void> {
    for (const table of streamedTables) {
      const expired = await this.client.send(
        new ScanCommand({
          TableName: this.tableName(table),
          FilterExpression: 'expiresAt <= :now',
          ExpressionAttributeValues: { ':now': { N: String(nowMs / 1000) } },
        }),
      )
      for (const image of expired.Items ?? []) {
        this.#swept.add(nameOf(image))
        const { pk, sk } = image as { pk: AttributeValue; sk: AttributeValue }
        await this.client.send(new DeleteItemCommand({ TableName: this.tableName(table), Key: { pk, sk } }))
      }
    }
  }

  #changeOf(table: TableName, { dynamodb }: _Record): readonly Change[] {
    const { Keys = {}, OldImage, NewImage, ApproximateCreationDateTime } = dynamodb ?? {}
    if (NewImage === undefined && OldImage !== undefined && this.#swept.has(nameOf(OldImage))) return []
    const { pk, sk } = itemOf(Keys)
    const old = OldImage === undefined ? null : itemOf(OldImage)
    const image = NewImage === undefined ? null : itemOf(NewImage)
    return [{ table, pk, sk, old, new: image, committedAt: ApproximateCreationDateTime?.getTime() ?? NaN }]
  }
}

/** An image has the name of the call that wrote it. */
function nameOf(image: Image): string {
  return JSON.stringify([image['pk'], image['sk'], image['$call']])
}
