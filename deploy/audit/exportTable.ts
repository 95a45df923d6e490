import { closeSync, openSync } from 'node:fs'
import { paginateScan, type DynamoDBClient } from '@aws-sdk/client-dynamodb'
import { unmarshall } from '@aws-sdk/util-dynamodb'
import { writeExport, type ExportedRegion } from '../../local/audit/exportFile.ts'
import { auditOfTable, type AuditTableRow } from '../../local/audit/tableExport.ts'

export interface TableExport {
  readonly client: DynamoDBClient
  readonly region: string
  readonly tableName: string
  /** A new file. */
  readonly file: string
  readonly exportedAt: string
  readonly range: { readonly from: string; readonly to: string } | null
}

/** Writes a region's table Audit as `vaultspan audit export` writes a data directory. Its rows are held in memory meanwhile. */
export async function exportTable(options: TableExport): Promise<ExportedRegion> {
  const { client, region, tableName: TableName, file, exportedAt, range } = options
  const rows: AuditTableRow[] = []
  for await (const { Items = [] } of paginateScan({ client }, { TableName, ConsistentRead: true })) {
    for (const image of Items) {
      // As in lib/store/dynamodb/itemImage.ts, and what names the write.
      const { $call: _call, writeId: _writeId, ...members } = image
      rows.push(unmarshall(members, { wrapNumbers: Number }) as AuditTableRow)
    }
  }
  const opened = openSync(file, 'wx', 0o600)
  try {
    return writeExport(opened, auditOfTable(rows, region), { exportedAt, range, trustRoot: null })
  } finally {
    closeSync(opened)
  }
}
