import type { AttributeValue, DynamoDBRecord } from 'aws-lambda'
import type { Json } from '../../lib/canonicalJson.ts'
import type { Change } from '../../lib/store/change.ts'

/** A change as a DynamoDB stream tells it; local/streamRecord.ts does the same with the SDK, ten times as slow. */
export function streamRecordOf(change: Change, index: number): DynamoDBRecord {
  return {
    dynamodb: {
      SequenceNumber: String(index),
      ...(change.old === null ? {} : { OldImage: imageOf(change.old) }),
      ...(change.new === null ? {} : { NewImage: imageOf(change.new) }),
    },
  }
}

function imageOf(item: Readonly<Record<string, Json | undefined>>): Record<string, AttributeValue> {
  const image: Record<string, AttributeValue> = {}
  for (const name of Object.keys(item)) {
    const value = item[name]
    if (value !== undefined) image[name] = valueOf(value)
  }
  return image
}

function valueOf(value: Json): AttributeValue {
  if (value === null) return { NULL: true }
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'number') return { N: String(value) }
  if (typeof value === 'boolean') return { BOOL: value }
  if (Array.isArray(value)) return { L: (value as readonly Json[]).map(valueOf) }
  return { M: imageOf(value as Readonly<Record<string, Json | undefined>>) }
}
