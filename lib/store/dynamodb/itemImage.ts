import type { AttributeValue } from '@aws-sdk/client-dynamodb'
import { marshall, unmarshall } from '@aws-sdk/util-dynamodb'
import type { Item } from '../../ports.ts'

/** An item as DynamoDB stores it and its streams show it. */
export type Image = Record<string, AttributeValue>

/**
 * Hidden attribute: names the call that wrote the image. DynamoDB leaves out of a stream what a put did not change, so
 * without it a put that repeats an item would be no change; and by it a call recognises its own write when it is told,
 * after an attempt whose answer was lost, that a condition failed.
 */
const callAttribute = '$call'

/** Numbers are exact: DynamoDB keeps 38 digits, lib/store/encodeWrites.ts refuses what lies outside its range. */
export function imageOf(item: Item, writeId: string | undefined, callId: string): Image {
  // A writeId read with the item names another write: it must not survive in this one.
  return marshall(
    { ...item, writeId, [callAttribute]: callId },
    { removeUndefinedValues: true, allowImpreciseNumbers: true },
  )
}

/** The item in an image, of a table or of its stream. */
export function itemOf(image: Image): Item {
  const { [callAttribute]: _, ...item } = image
  return unmarshall(item, { wrapNumbers: Number }) as Item
}

/** Whether this call, or the attempt with this id before it, wrote the image. */
export function isWrittenBy(image: Image, writeId: string | undefined, callId: string): boolean {
  return image[callAttribute]?.S === callId || (writeId !== undefined && image['writeId']?.S === writeId)
}
