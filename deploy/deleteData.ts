import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation'
import {
  DeleteTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import { KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms'
import { tableNames } from './tables.ts'

/** The key's id is known to the stack only, so it must be asked for before the stack goes. */
export async function hsmStateKeyOf(region: string, prefix: string): Promise<string | undefined> {
  const client = new CloudFormationClient({ region })
  try {
    const of = { StackName: prefix, LogicalResourceId: 'HsmStateKey' }
    return (await client.send(new DescribeStackResourceCommand(of))).StackResourceDetail?.PhysicalResourceId
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('does not exist')) return undefined
    throw cause
  }
}

/** What outlives a stack: the six tables, and the key without which they are worth nothing. */
export async function deleteData(region: string, prefix: string, keyId: string | undefined): Promise<void> {
  const client = new DynamoDBClient({ region })
  for (const table of tableNames) {
    const TableName = `${prefix}-${table}`
    await unlessAbsent(() => client.send(new UpdateTableCommand({ TableName, DeletionProtectionEnabled: false })))
    await unlessAbsent(() => client.send(new DeleteTableCommand({ TableName })))
  }
  // Until they are gone a deployment would find them.
  for (const table of tableNames) {
    await waitUntilTableNotExists({ client, maxWaitTime: 300 }, { TableName: `${prefix}-${table}` })
  }
  if (keyId === undefined) return
  const kms = new KMSClient({ region })
  await unlessAbsent(() => kms.send(new ScheduleKeyDeletionCommand({ KeyId: keyId, PendingWindowInDays: 30 })))
}

async function unlessAbsent(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (cause) {
    if (cause instanceof Error && /NotFoundException$/.test(cause.name)) return
    throw cause
  }
}
