import type { TableName } from '../lib/ports.ts'
import { tableDefinitions } from '../lib/store/dynamodb/tableDefinitions.ts'

export interface TablesOptions {
  /** Of every name: `vaultspan-{stage}`. */
  readonly prefix: string
  readonly isDeletionProtected: boolean
  /** Whether a key of the deployment's own encrypts the tables (deploy/tableKey.ts), instead of AWS's key for the account. */
  readonly hasTableKey: boolean
}

/**
 * Data outlives its stack, but not the rollback of the deployment that made it: left over and empty, it would stand in
 * the way of the repetition.
 */
export const outlivesStack = { DeletionPolicy: 'RetainExceptOnCreate', UpdateReplacePolicy: 'Retain' } as const

/** The tables of lib/store/dynamodb: `npm run remove` says how to delete them. */
export function tables({ prefix, isDeletionProtected, hasTableKey }: TablesOptions): Record<string, object> {
  const key = hasTableKey ? { SSEType: 'KMS', KMSMasterKeyId: { 'Fn::GetAtt': ['TableKey', 'Arn'] } } : {}
  return Object.fromEntries(
    Object.entries(tableDefinitions).map(([name, definition]) => [
      tableId(name as TableName),
      {
        Type: 'AWS::DynamoDB::Table',
        ...outlivesStack,
        Properties: {
          TableName: `${prefix}-${name}`,
          ...definition,
          BillingMode: 'PAY_PER_REQUEST',
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          SSESpecification: { SSEEnabled: true, ...key },
          DeletionProtectionEnabled: isDeletionProtected,
        },
      },
    ]),
  )
}

export function tableId(name: TableName): string {
  return `${name}Table`
}

export const tableNames = Object.keys(tableDefinitions) as readonly TableName[]
