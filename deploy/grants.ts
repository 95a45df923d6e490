import { streamedTables, type QueueName, type TableName } from '../lib/ports.ts'

/** What a function does with a table, in the words of its port; `list` reads the indexes. */
export type TableUse = 'get' | 'query' | 'list' | 'scan' | 'put' | 'delete' | 'check' | 'advance'

/**
 * Whether a function opens the KEKs of vaults; those of the tenancies' backups; makes and takes in new ones; or has AWS KMS
 * wrap those that are there anew. The last two open none.
 */
export type KekUse = 'open' | 'openBackups' | 'make' | 'rewrap'

/** What a function does with backups in buckets. */
export type BackupUse = 'read' | 'write'

export interface Grants {
  readonly tables: Partial<Record<TableName, readonly TableUse[]>>
  /** Queues of this region and of its peers that the function sends to. */
  readonly sends?: { readonly own?: readonly QueueName[]; readonly peers?: readonly ('inbox' | 'outcome')[] }
  /** Queues and streams that call the function. */
  readonly receives?: readonly QueueName[]
  readonly streams?: readonly TableName[]
  /** Backups in the bucket of all regions. */
  readonly backups?: readonly BackupUse[]
  /** Where none is given, the function verifies rows and opens no key. */
  readonly keks?: readonly KekUse[]
  /** May raise the marks of all tables, by which a table that was put back is noticed (lib/aws/putBack); all may read them. */
  readonly marks?: true
  /** May make the HSM's state and write it; every function may read it. */
  readonly provisions?: true
}

/** One row per function, and one role per row: test/aws/template/grants.test.ts runs the functions and compares. */
export const grants = {
  vault: {
    tables: {
      Vaults: ['get', 'list', 'put'],
      Keys: ['list'],
      Identity: ['get', 'query', 'check'],
      Audit: ['query', 'put'],
      Requests: ['get', 'put', 'advance'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { own: ['outbox'], peers: ['inbox'] },
    keks: ['make'],
  },
  keys: {
    tables: {
      Vaults: ['get', 'list', 'put', 'check'],
      Keys: ['get', 'query', 'list', 'put'],
      Identity: ['get', 'query', 'check'],
      Audit: ['put'],
      Requests: ['get', 'put', 'advance'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { peers: ['inbox'] },
    backups: ['read', 'write'],
    keks: ['open', 'openBackups', 'make'],
  },
  crypto: {
    tables: {
      Vaults: ['get'],
      Keys: ['get'],
      Identity: ['get', 'query'],
      Audit: ['put'],
    },
    keks: ['open'],
  },
  identity: {
    tables: {
      Vaults: ['get'],
      Keys: ['get'],
      Identity: ['get', 'query', 'put', 'delete'],
      Audit: ['put'],
      Requests: ['get', 'put'],
      Replication: ['get', 'query', 'put'],
    },
    sends: { peers: ['inbox'] },
  },
  audit: {
    tables: {
      Identity: ['get', 'query'],
      Audit: ['query', 'put'],
    },
  },
  fanOut: {
    tables: {
      Vaults: ['get', 'check'],
      Keys: ['get', 'query', 'put'],
      Identity: ['get', 'query'],
      Audit: ['query', 'put'],
      Requests: ['get'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { own: ['outcome', 'outbox'], peers: ['inbox', 'outcome'] },
    receives: ['outbox'],
    streams: streamedTables,
  },
  apply: {
    tables: {
      Vaults: ['get', 'put', 'delete', 'check'],
      Keys: ['get', 'query', 'list', 'put', 'delete'],
      Identity: ['get', 'query', 'put', 'delete'],
      Audit: ['query', 'put'],
      Requests: ['get', 'put'],
      Replication: ['get', 'query', 'put', 'delete', 'check'],
    },
    sends: { own: ['inbox', 'outbox'], peers: ['inbox', 'outcome'] },
    receives: ['inbox'],
    keks: ['openBackups', 'make'],
  },
  outcome: {
    tables: {
      Vaults: ['get', 'put', 'check'],
      Keys: ['get', 'query', 'list', 'put'],
      Identity: ['get', 'query', 'put', 'delete'],
      Audit: ['put'],
      Requests: ['get'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { own: ['outcome', 'outbox'], peers: ['inbox'] },
    receives: ['outcome'],
    keks: ['open'],
  },
  reconcile: {
    tables: {
      Vaults: ['get', 'check'],
      Keys: ['get', 'query', 'list', 'put'],
      Audit: ['query', 'delete'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { own: ['outcome', 'outbox'], peers: ['inbox'] },
    marks: true,
  },
  schedule: {
    tables: {
      Vaults: ['get', 'put', 'check'],
      Keys: ['get', 'query', 'list', 'put'],
      Audit: ['put'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { peers: ['inbox'] },
    keks: ['open'],
  },
  recover: {
    tables: {
      Vaults: ['get', 'scan', 'put', 'check'],
      Keys: ['get', 'query', 'put'],
      Identity: ['get', 'query', 'put', 'delete'],
      Requests: ['get', 'put'],
      Replication: ['get', 'query', 'put', 'delete'],
    },
    sends: { own: ['outbox'], peers: ['inbox'] },
    marks: true,
  },
  provision: {
    tables: {
      Vaults: ['get', 'scan', 'put', 'check'],
      Identity: ['get', 'query', 'put'],
      Replication: ['get', 'put'],
    },
    sends: { own: ['outbox'] },
    keks: ['make', 'rewrap'],
    provisions: true,
  },
} as const satisfies Record<string, Grants>

export type DeployedFunction = keyof typeof grants
