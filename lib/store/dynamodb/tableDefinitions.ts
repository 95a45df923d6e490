import { streamedTables, type IndexName, type TableName } from '../../ports.ts'

interface KeyPart {
  readonly AttributeName: string
  readonly KeyType: 'HASH' | 'RANGE'
}

/** A table in the words that CreateTable and CloudFormation share. */
export interface TableDefinition {
  readonly AttributeDefinitions: readonly { readonly AttributeName: string; readonly AttributeType: 'S' }[]
  readonly KeySchema: readonly KeyPart[]
  readonly GlobalSecondaryIndexes?: readonly {
    readonly IndexName: IndexName
    readonly KeySchema: readonly KeyPart[]
    readonly Projection: { readonly ProjectionType: 'ALL' }
  }[]
  /** Absent: the table has no stream. */
  readonly StreamSpecification?: { readonly StreamViewType: 'NEW_AND_OLD_IMAGES' }
  readonly TimeToLiveSpecification: { readonly AttributeName: 'expiresAt'; readonly Enabled: true }
}

/** What a table has beyond its primary key and its stream: indexes where items carry `gpk`. */
const indexesOf = {
  Vaults: ['byTime', 'byName'],
  Keys: ['byTime', 'byName'],
  Identity: [],
  Audit: [],
  Requests: [],
  Replication: [],
} as const satisfies Record<TableName, readonly IndexName[]>

/** Every table of a region: the tests make theirs from it, and serverless.yml is compared with it. */
export const tableDefinitions = Object.fromEntries(
  (Object.keys(indexesOf) as TableName[]).map((table) => [table, define(table)]),
) as Readonly<Record<TableName, TableDefinition>>

function define(table: TableName): TableDefinition {
  const indexes: readonly IndexName[] = indexesOf[table]
  const isStreamed = streamedTables.some((streamed) => streamed === table)
  const attributes = ['pk', 'sk', ...(indexes.length > 0 ? ['gpk', ...indexes] : [])]
  return {
    AttributeDefinitions: attributes.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: keySchema('pk', 'sk'),
    ...(indexes.length > 0 && {
      GlobalSecondaryIndexes: indexes.map((IndexName) => ({
        IndexName,
        KeySchema: keySchema('gpk', IndexName),
        Projection: { ProjectionType: 'ALL' },
      })),
    }),
    ...(isStreamed && { StreamSpecification: { StreamViewType: 'NEW_AND_OLD_IMAGES' } }),
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
  }
}

function keySchema(partition: string, sort: string): readonly KeyPart[] {
  return [
    { AttributeName: partition, KeyType: 'HASH' },
    { AttributeName: sort, KeyType: 'RANGE' },
  ]
}
