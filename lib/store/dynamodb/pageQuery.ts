import type { QueryCommandInput } from '@aws-sdk/client-dynamodb'
import type { IndexName, PageRequest } from '../../ports.ts'
import { compareUtf8 } from '../../compareUtf8.ts'
import { isKeyText, maxPartitionKeyBytes, maxSortKeyBytes } from '../keyText.ts'

type Query = Required<Pick<QueryCommandInput, 'KeyConditionExpression' | 'ExpressionAttributeValues'>> &
  Pick<QueryCommandInput, 'ScanIndexForward' | 'ExclusiveStartKey'>

/**
 * The part of a query that says which keys. DynamoDB takes one condition on a sort key, so a prefix and a start together
 * are a prefix and a start key, which must lie within it. Undefined where nothing can match.
 */
export function pageQuery(
  key: 'sk' | IndexName,
  partition: string,
  prefix: string,
  { after, descending = false }: PageRequest,
): Query | undefined {
  // No item has a key that DynamoDB would refuse to be asked for.
  if (!isKeyText(partition, maxPartitionKeyBytes)) return undefined
  if (prefix !== '' && !isKeyText(prefix, maxSortKeyBytes)) return undefined
  const start = after === undefined ? 'before' : placeOf(after, prefix, descending)
  if (start === 'behind') return undefined
  const text = `${key === 'sk' ? 'pk' : 'gpk'} = :partition`
  const values = { ':partition': { S: partition } }
  const order = { ScanIndexForward: !descending }
  if (prefix !== '') {
    return {
      KeyConditionExpression: `${text} AND begins_with(${key}, :prefix)`,
      ExpressionAttributeValues: { ...values, ':prefix': { S: prefix } },
      ...(start !== 'before' && { ExclusiveStartKey: { pk: { S: partition }, sk: { S: start.after } } }),
      ...order,
    }
  }
  if (start === 'before') return { KeyConditionExpression: text, ExpressionAttributeValues: values, ...order }
  return {
    KeyConditionExpression: `${text} AND ${key} ${descending ? '<' : '>'} :after`,
    ExpressionAttributeValues: { ...values, ':after': { S: start.after } },
    ...order,
  }
}

/** Where a start lies in the order of reading: before everything with the prefix, within it, or behind. */
function placeOf(after: string, prefix: string, descending: boolean): 'before' | 'behind' | { readonly after: string } {
  if (after.startsWith(prefix)) return { after }
  return compareUtf8(after, prefix) < 0 === descending ? 'behind' : 'before'
}
