import { CloudFormationClient, DescribeStackResourceCommand } from '@aws-sdk/client-cloudformation'
import {
  DeleteTableCommand,
  DynamoDBClient,
  UpdateTableCommand,
  waitUntilTableNotExists,
} from '@aws-sdk/client-dynamodb'
import { KMSClient, ScheduleKeyDeletionCommand } from '@aws-sdk/client-kms'
import { tableNames } from './tables.ts'

const hsmKeyIds = ['HsmStateKey', 'VaultKeksKey'] as const

/** The keys' ids are known to the stack only, so they must be asked for before the stack goes. */
export async function hsmKeysOf(region: string, prefix: string): Promise<readonly string[]> {
  const keys = await Promise.all(hsmKeyIds.map((id) => physicalId(region, prefix, id)))
  return keys.filter((key) => key !== undefined)
}

async function physicalId(region: string, prefix: string, LogicalResourceId: string): Promise<string | undefined> {
  const client = new CloudFormationClient({ region })
  try {
    const of = { StackName: prefix, LogicalResourceId }
    return (await client.send(new DescribeStackResourceCommand(of))).StackResourceDetail?.PhysicalResourceId
  } catch (cause) {
    if (cause instanceof Error && cause.message.includes('does not exist')) return undefined
    throw cause
  }
}

/** What outlives a stack: the six tables, and the keys without which they are worth nothing. */
export async function deleteData(region: string, prefix: string, keyIds: readonly string[]): Promise<void> {
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
  const kms = new KMSClient({ region })
  for (const KeyId of keyIds) {
    await unlessAbsent(() => kms.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays: 30 })))
  }
}

async function unlessAbsent(act: () => Promise<unknown>): Promise<void> {
  try {
    await act()
  } catch (cause) {
    if (cause instanceof Error && /NotFoundException$/.test(cause.name)) return
    throw cause
  }
}
