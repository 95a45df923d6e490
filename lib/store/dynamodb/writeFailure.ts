import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
  TransactionConflictException,
  TransactionInProgressException,
} from '@aws-sdk/client-dynamodb'
import { isExpired } from '../conditionHolds.ts'
import { isWrittenBy, itemOf, type Image } from './itemImage.ts'
import type { WriteCall } from './writeRequest.ts'

/** What an error says about a call: its conditions failed; nothing was written and it may be tried again; or neither. */
export type WriteFailure =
  | { readonly kind: 'refused'; readonly failed: readonly number[] }
  /** A condition failed on what this call itself had written: an earlier attempt was committed, its answer lost. */
  | { readonly kind: 'committedBefore' }
  | { readonly kind: 'contended' }
  | { readonly kind: 'other' }

/** Codes of a cancelled transaction that say nothing against trying it again. */
const passing = new Set(['TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'])

export function writeFailure(error: unknown, call: WriteCall, nowMs: number): WriteFailure {
  if (error instanceof ConditionalCheckFailedException) return judge(call, [[0, error.Item]], nowMs)
  if (error instanceof TransactionConflictException || error instanceof TransactionInProgressException) {
    return { kind: 'contended' }
  }
  if (!(error instanceof TransactionCanceledException)) return { kind: 'other' }
  const reasons = (error.CancellationReasons ?? []).map(({ Code = 'None', Item }) => ({ Code, Item }))
  const failed = reasons.flatMap(({ Code, Item }, position): [number, Image | undefined][] =>
    Code === 'ConditionalCheckFailed' ? [[position, Item]] : [],
  )
  if (failed.length > 0) return judge(call, failed, nowMs)
  const blamed = reasons.filter(({ Code }) => Code !== 'None')
  const isPassing = blamed.length > 0 && blamed.every(({ Code }) => passing.has(Code))
  return { kind: isPassing ? 'contended' : 'other' }
}

function judge(
  { writeId, callId }: WriteCall,
  failed: readonly (readonly [position: number, found: Image | undefined])[],
  nowMs: number,
): WriteFailure {
  // One item of ours shows that the whole call was committed before, whatever became of the others since. DynamoDB
  // shows what a put found; an item that has expired is absent, whoever wrote it.
  const isOurs = failed.some(
    ([, found]) => found !== undefined && isWrittenBy(found, writeId, callId) && !isExpired(itemOf(found), nowMs),
  )
  return isOurs ? { kind: 'committedBefore' } : { kind: 'refused', failed: failed.map(([position]) => position) }
}
