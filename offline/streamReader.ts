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
  /** The last record that was read, by shard. */
  readonly #last = new Map<string, string>()

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
    const { StreamDescription } = await this.#streams.send(new DescribeStreamCommand({ StreamArn: this.#arn }))
    const records: _Record[] = []
    for (const { ShardId = '' } of StreamDescription?.Shards ?? []) records.push(...(await this.#readShard(ShardId)))
    return records
  }

  /** By a new iterator each time: one made while a shard was empty leads DynamoDB Local nowhere later. */
  async #readShard(ShardId: string): Promise<readonly _Record[]> {
    const last = this.#last.get(ShardId)
    const Records = await this.#readAfter(ShardId, last)
    const sequenceNumber = Records.at(-1)?.dynamodb?.SequenceNumber
    if (sequenceNumber !== undefined) this.#last.set(ShardId, sequenceNumber)
    return Records.map(mended)
  }

  async #readAfter(ShardId: string, last: string | undefined): Promise<readonly _Record[]> {
    try {
      const { ShardIterator } = await this.#streams.send(
        new GetShardIteratorCommand({
          StreamArn: this.#arn,
          ShardId,
          ...(last === undefined
            ? { ShardIteratorType: 'TRIM_HORIZON' }
            : { ShardIteratorType: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: last }),
        }),
      )
      return (await this.#streams.send(new GetRecordsCommand({ ShardIterator }))).Records ?? []
    } catch (cause) {
      if (!isTrimmed(cause)) throw cause
      // The stream has let go of what was read last; what it still has is newer. DynamoDB Local says so of a new shard too.
      return last === undefined ? [] : this.#readAfter(ShardId, undefined)
    }
  }
}

function isTrimmed(cause: unknown): boolean {
  return cause instanceof Error && cause.name === 'TrimmedDataAccessException'
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
