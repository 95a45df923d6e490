import type { IndexName, TableName } from '../../ports.ts'

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

/** What a table has beyond its primary key: indexes where items carry `gpk`, a stream where items replicate. */
interface Traits {
  readonly indexes: readonly IndexName[]
  readonly isStreamed: boolean
}

const traits = {
  Vaults: { indexes: ['byTime', 'byName'], isStreamed: true },
  Keys: { indexes: ['byTime', 'byName'], isStreamed: true },
  Identity: { indexes: [], isStreamed: true },
  Audit: { indexes: [], isStreamed: false },
  Requests: { indexes: [], isStreamed: false },
  Replication: { indexes: [], isStreamed: false },
} as const satisfies Record<TableName, Traits>

/** Every table of a region: the tests make theirs from it, and serverless.yml is compared with it. */
export const tableDefinitions: Readonly<Record<TableName, TableDefinition>> = {
  Vaults: define(traits.Vaults),
  Keys: define(traits.Keys),
  Identity: define(traits.Identity),
  Audit: define(traits.Audit),
  Requests: define(traits.Requests),
  Replication: define(traits.Replication),
}

function define({ indexes, isStreamed }: Traits): TableDefinition {
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
