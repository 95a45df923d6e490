import { marshall } from '@aws-sdk/util-dynamodb'
import type { DynamoDBRecord } from 'aws-lambda'
import type { NumberedChange } from '../../lib/store/change.ts'

/** A change as a DynamoDB stream tells it: new and old image, numbered in the order of commits. */
export function streamRecord({ seq, table, pk, sk, old, new: image }: NumberedChange): DynamoDBRecord {
  return {
    eventID: `${table}-${seq}`,
    eventName: image === null ? 'REMOVE' : old === null ? 'INSERT' : 'MODIFY',
    eventSource: 'aws:dynamodb',
    dynamodb: {
      SequenceNumber: String(seq),
      StreamViewType: 'NEW_AND_OLD_IMAGES',
      Keys: toImage({ pk, sk }),
      ...(old === null ? {} : { OldImage: toImage(old) }),
      ...(image === null ? {} : { NewImage: toImage(image) }),
    },
  }
}

type Image = NonNullable<NonNullable<DynamoDBRecord['dynamodb']>['NewImage']>

/**
 * What the table holds the stream tells: numbers as DynamoDB writes them, exact or not. The SDK and the event name the same
 * attribute values by different types.
 */
function toImage(item: object): Image {
  const image: Image = {}
  const others: Record<string, unknown> = {}
  // Most members are texts, which the SDK takes ten times as long over.
  for (const [name, value] of Object.entries(item)) {
    if (typeof value === 'string') image[name] = { S: value }
    else others[name] = value
  }
  return Object.assign(image, marshall(others, { removeUndefinedValues: true, allowImpreciseNumbers: true }))
}
