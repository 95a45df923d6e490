import {
  GetItemCommand,
  QueryCommand,
  ScanCommand,
  type DynamoDBClient,
  type QueryCommandInput,
  type QueryCommandOutput,
} from '@aws-sdk/client-dynamodb'
import { backOff, type BackOffPorts } from '../../backOff.ts'
import type {
  Clock,
  IndexName,
  Item,
  Page,
  PageRequest,
  ScanRequest,
  TableName,
  Tables,
  TimeAdvanced,
  TimeStep,
  Write,
  WriteOutcome,
} from '../../ports.ts'
import { attempts, betweenAttempts } from '../awsClientOptions.ts'
import { isExpired } from '../conditionHolds.ts'
import { encodeWrites } from '../encodeWrites.ts'
import { requireLimit, requirePage } from '../keyRange.ts'
import { isKey } from '../keyText.ts'
import { pageOf } from '../pageOf.ts'
import { scanNext, scanPlace } from '../scanPlace.ts'
import { unexpired } from './conditionExpression.ts'
import { advanceTime } from './advanceTime.ts'
import { itemOf } from './itemImage.ts'
import { pageQuery } from './pageQuery.ts'
import { writeFailure } from './writeFailure.ts'
import { writeCommand, type WriteCall } from './writeRequest.ts'

export interface DynamoTablesOptions extends BackOffPorts {
  /** Made once per process with lib/store/awsClientOptions.ts. */
  readonly client: DynamoDBClient
  readonly tableName: (table: TableName) => string
  readonly clock: Clock
  /** Unique for ever. */
  readonly newId: () => string
}

/** The table port over one region's DynamoDB tables (tableDefinitions.ts). */
export class DynamoTables implements Tables {
  readonly #client: DynamoDBClient
  readonly #tableName: (table: TableName) => string
  readonly #clock: Clock
  readonly #newId: () => string
  readonly #backOffPorts: BackOffPorts

  constructor({ client, tableName, clock, newId, ...backOffPorts }: DynamoTablesOptions) {
    this.#client = client
    this.#tableName = tableName
    this.#clock = clock
    this.#newId = newId
    this.#backOffPorts = backOffPorts
  }

  async get(table: TableName, pk: string, sk: string): Promise<Item | undefined> {
    if (!isKey(pk, sk)) return undefined
    const Key = { pk: { S: pk }, sk: { S: sk } }
    const { Item: image } = await this.#client.send(
      new GetItemCommand({ TableName: this.#tableName(table), Key, ConsistentRead: true }),
    )
    const item = image && itemOf(image)
    return item === undefined || isExpired(item, this.#clock()) ? undefined : item
  }

  async query(table: TableName, pk: string, skPrefix: string, request: PageRequest): Promise<Page> {
    return this.#page(table, 'sk', pk, skPrefix, request)
  }

  async queryIndex(table: TableName, index: IndexName, gpk: string, request: PageRequest): Promise<Page> {
    return this.#page(table, index, gpk, '', request)
  }

  async scan(table: TableName, { limit: Limit, after }: ScanRequest): Promise<Page> {
    requireLimit({ limit: Limit })
    const { pk, sk } = after === undefined ? {} : scanPlace(after)
    const { Items = [], LastEvaluatedKey: last } = await this.#client.send(
      new ScanCommand({
        TableName: this.#tableName(table),
        ConsistentRead: true,
        FilterExpression: unexpired,
        ExpressionAttributeValues: { ':now': { N: String(this.#clock() / 1000) } },
        ...(pk === undefined || sk === undefined ? {} : { ExclusiveStartKey: { pk: { S: pk }, sk: { S: sk } } }),
        Limit,
      }),
    )
    // Of expired items it may end at one that is not shown, and show none at all.
    const next = last && scanNext({ pk: last['pk']?.S ?? '', sk: last['sk']?.S ?? '' })
    return { items: Items.map(itemOf), ...(next === undefined ? {} : { next }) }
  }

  async write(writes: readonly Write[], writeId?: string): Promise<WriteOutcome> {
    const encoded = encodeWrites(writes, writeId)
    if (encoded.length === 0) return { ok: true }
    const call: WriteCall = { writes: encoded, writeId, callId: this.#newId() }
    for (let attempt = 1; ; attempt += 1) {
      const nowMs = this.#clock()
      // A token of its own: the transaction before was cancelled, and the same token must come with the same content.
      const command = writeCommand(call, this.#newId(), { tableName: this.#tableName, nowMs })
      try {
        // The overloads of `send` do not take a union.
        await this.#client.send(command as Parameters<DynamoDBClient['send']>[0])
        return { ok: true }
      } catch (error) {
        const failure = writeFailure(error, call, nowMs)
        if (failure.kind === 'committedBefore') return { ok: true }
        if (failure.kind === 'refused') return { ok: false, failed: failure.failed }
        if (failure.kind === 'other' || attempt >= attempts) throw error
      }
      await backOff(this.#backOffPorts, betweenAttempts, attempt)
    }
  }

  async advance(pk: string, sk: string, step: TimeStep): Promise<TimeAdvanced> {
    return advanceTime(this.#client, { TableName: this.#tableName('Requests'), pk, sk }, step)
  }

  async #page(
    table: TableName,
    key: 'sk' | IndexName,
    partition: string,
    prefix: string,
    request: PageRequest,
  ): Promise<Page> {
    requirePage(request)
    const query = pageQuery(key, partition, prefix, request)
    if (query === undefined) return { items: [] }
    const wanted = request.limit + 1
    const items: Item[] = []
    let isLarge: boolean
    let start: QueryCommandInput['ExclusiveStartKey'] = query.ExclusiveStartKey
    do {
      const found: QueryCommandOutput = await this.#client.send(
        new QueryCommand({
          ...query,
          TableName: this.#tableName(table),
          ...(key === 'sk' ? { ConsistentRead: true } : { IndexName: key }),
          ExpressionAttributeValues: {
            ...query.ExpressionAttributeValues,
            ':now': { N: String(this.#clock() / 1000) },
          },
          FilterExpression: unexpired,
          ExclusiveStartKey: start,
          Limit: wanted - items.length,
        }),
      )
      // DynamoDB itself ends an answer at 1 MB: what it looked at then is less than it was asked for.
      isLarge = (found.ScannedCount ?? 0) < wanted - items.length
      items.push(...(found.Items ?? []).map(itemOf))
      start = found.LastEvaluatedKey
    } while (start !== undefined && items.length < wanted && !(isLarge && items.length > 0))
    return pageOf(items, request.limit, key, start !== undefined)
  }
}
