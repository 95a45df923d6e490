import type { AttributeValue, DynamoDBRecord } from 'aws-lambda'
import type { Json } from '../../lib/canonicalJson.ts'
import type { Change } from '../../lib/store/change.ts'

/** A change as a DynamoDB stream tells it; local/pumps/streamRecord.ts does the same with the SDK, ten times as slow. */
export function streamRecordOf(change: Change, index: number): DynamoDBRecord {
  return {
    dynamodb: {
      SequenceNumber: String(index),
      ...(change.old === null ? {} : { OldImage: imageOf(change.old) }),
      ...(change.new === null ? {} : { NewImage: imageOf(change.new) }),
    },
  }
}

type Image = Record<string, AttributeValue>
type Members = Readonly<Record<string, Json | undefined>>

/** Stored items never change, and each is in two changes: the one that brings it and the one that takes it away. */
const images = new WeakMap<object, Image>()

function imageOf(item: Members): Image {
  const known = images.get(item)
  if (known !== undefined) return known
  const image: Image = {}
  for (const name of Object.keys(item)) {
    const value = item[name]
    if (value !== undefined) image[name] = valueOf(value)
  }
  images.set(item, image)
  return image
}

function valueOf(value: Json): AttributeValue {
  if (value === null) return { NULL: true }
  if (typeof value === 'string') return { S: value }
  if (typeof value === 'number') return { N: String(value) }
  if (typeof value === 'boolean') return { BOOL: value }
  if (Array.isArray(value)) return { L: (value as readonly Json[]).map(valueOf) }
  return { M: imageOf(value as Members) }
}
