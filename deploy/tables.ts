import type { TableName } from '../lib/ports.ts'
import { tableDefinitions } from '../lib/store/dynamodb/tableDefinitions.ts'

/** The tables of lib/store/dynamodb. They outlive the stack: `npm run remove` says how to delete them. */
export function tables(prefix: string, isDeletionProtected: boolean): Record<string, object> {
  return Object.fromEntries(
    Object.entries(tableDefinitions).map(([name, definition]) => [
      tableId(name as TableName),
      {
        Type: 'AWS::DynamoDB::Table',
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
        Properties: {
          TableName: `${prefix}-${name}`,
          ...definition,
          BillingMode: 'PAY_PER_REQUEST',
          PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
          SSESpecification: { SSEEnabled: true },
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
