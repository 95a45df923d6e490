import { streamedTables } from '../lib/ports.ts'
import { tableId } from './tables.ts'

/** What a queue may take of the account's concurrency: an outage that fills it leaves the other functions their share. */
const maximumConcurrency = 10

const reportsFailures = { functionResponseType: 'ReportBatchItemFailures' }

/** What calls the fan-out: the stream of each table that has one, and the outbox. */
export function fanOutEvents(): readonly object[] {
  const streams = streamedTables.map((table) => ({
    stream: {
      type: 'dynamodb',
      arn: { 'Fn::GetAtt': [tableId(table), 'StreamArn'] },
      // A change that was committed before the mapping stood is read all the same.
      startingPosition: 'TRIM_HORIZON',
      batchSize: 100,
      parallelizationFactor: 10,
      maximumRetryAttempts: 20,
      bisectBatchOnFunctionError: true,
      ...reportsFailures,
      destinations: { onFailure: { type: 'sqs', arn: { 'Fn::GetAtt': ['StreamDeadLetters', 'Arn'] } } },
    },
  }))
  return [
    ...streams,
    { sqs: { arn: { 'Fn::GetAtt': ['OutboxQueue', 'Arn'] }, batchSize: 10, maximumConcurrency, ...reportsFailures } },
  ]
}
