import {
  PutItemCommand,
  DeleteItemCommand,
  TransactWriteItemsCommand,
  type TransactWriteItem,
} from '@aws-sdk/client-dynamodb'
import type { TableName } from '../../ports.ts'
import type { EncodedWrite } from '../encodeWrites.ts'
import { conditionExpression } from './conditionExpression.ts'
import { imageOf } from './itemImage.ts'

export interface WriteCall {
  readonly writes: readonly EncodedWrite[]
  readonly writeId: string | undefined
  /** Names this call in the images that it puts. */
  readonly callId: string
}

interface Target {
  readonly tableName: (table: TableName) => string
  readonly nowMs: number
}

export type WriteCommand = PutItemCommand | DeleteItemCommand | TransactWriteItemsCommand

/**
 * One write alone costs half as much outside a transaction. A conditional delete stays in one: repeated by the SDK
 * after an answer was lost, it would find nothing to recognise its own work by; a transaction's token does.
 */
export function writeCommand(call: WriteCall, token: string, target: Target): WriteCommand {
  const items = call.writes.map((write) => transactItem(write, call, target))
  const [{ Put, Delete } = {}, second] = items
  if (second === undefined && Put !== undefined) return new PutItemCommand(Put)
  if (second === undefined && Delete !== undefined && Delete.ConditionExpression === undefined) {
    return new DeleteItemCommand(Delete)
  }
  return new TransactWriteItemsCommand({ TransactItems: items, ClientRequestToken: token })
}

function transactItem(
  { op, table, pk, sk, condition, put }: EncodedWrite,
  { writeId, callId }: WriteCall,
  { tableName, nowMs }: Target,
): TransactWriteItem {
  const TableName = tableName(table)
  const Key = { pk: { S: pk }, sk: { S: sk } }
  const expression = condition && conditionExpression(condition, nowMs)
  if (put !== undefined) {
    const asked = expression && { ...expression, ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const }
    return { Put: { TableName, Item: imageOf(put.item, writeId, callId), ...asked } }
  }
  if (op === 'delete') return { Delete: { TableName, Key, ...expression } }
  if (expression === undefined) throw new RangeError('A check must have a condition.')
  return { ConditionCheck: { TableName, Key, ...expression } }
}
