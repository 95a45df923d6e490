import { DescribeTableCommand, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import {
  DescribeStreamCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  type AttributeValue,
  type DynamoDBStreamsClient,
  type _Record,
} from '@aws-sdk/client-dynamodb-streams'

/** Reads a table's stream from its start, each record once, in the order of each shard. */
export class StreamReader {
  readonly #streams: DynamoDBStreamsClient
  readonly #arn: string
  /** Where each shard is to be read on; undefined: it is closed and was read to its end. */
  readonly #places = new Map<string, string | undefined>()

  private constructor(streams: DynamoDBStreamsClient, arn: string) {
    this.#streams = streams
    this.#arn = arn
  }

  static async open(dynamo: DynamoDBClient, streams: DynamoDBStreamsClient, table: string): Promise<StreamReader> {
    const { Table } = await dynamo.send(new DescribeTableCommand({ TableName: table }))
    if (Table?.LatestStreamArn === undefined) throw new Error(`${table} has no stream.`)
    return new StreamReader(streams, Table.LatestStreamArn)
  }

  /** What has come since the last call. */
  async read(): Promise<readonly _Record[]> {
    if (this.#places.size === 0 || [...this.#places.values()].includes(undefined)) await this.#findShards()
    const records: _Record[] = []
    for (const [shard, place] of this.#places) {
      let iterator = place
      while (iterator !== undefined) {
        const found = await this.#streams.send(new GetRecordsCommand({ ShardIterator: iterator }))
        records.push(...(found.Records ?? []).map(mended))
        iterator = found.NextShardIterator
        if (found.Records === undefined || found.Records.length === 0) break
      }
      this.#places.set(shard, iterator)
    }
    return records
  }

  async #findShards(): Promise<void> {
    const { StreamDescription } = await this.#streams.send(new DescribeStreamCommand({ StreamArn: this.#arn }))
    for (const { ShardId } of StreamDescription?.Shards ?? []) {
      if (ShardId === undefined || this.#places.has(ShardId)) continue
      const { ShardIterator } = await this.#streams.send(
        new GetShardIteratorCommand({ StreamArn: this.#arn, ShardId, ShardIteratorType: 'TRIM_HORIZON' }),
      )
      this.#places.set(ShardId, ShardIterator)
    }
  }
}

/** LocalStack 4.14 leaves the `M` out of an empty map, in streams only. */
function mended({ dynamodb, ...record }: _Record): _Record {
  const { OldImage, NewImage, ...rest } = dynamodb ?? {}
  return {
    ...record,
    dynamodb: {
      ...rest,
      ...(OldImage && { OldImage: mendedMap(OldImage) }),
      ...(NewImage && { NewImage: mendedMap(NewImage) }),
    },
  }
}

type Image = Record<string, AttributeValue>

function mendedMap(image: Image): Image {
  return Object.fromEntries(Object.entries(image).map(([name, value]) => [name, mendedValue(value)]))
}

function mendedValue(value: AttributeValue): AttributeValue {
  if (value.L !== undefined) return { L: value.L.map(mendedValue) }
  return value.M !== undefined || Object.keys(value).length === 0 ? { M: mendedMap(value.M ?? {}) } : value
}
