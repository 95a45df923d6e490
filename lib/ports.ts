import type { Json } from './canonicalJson.ts'

/**
 * What the domain needs from the outside. Small enough that DynamoDB and SQLite mean exactly the same by it:
 * test/store/tableContract.ts runs every clause on every adapter.
 */

export type TableName = 'Vaults' | 'Keys' | 'Identity' | 'Audit' | 'Requests' | 'Replication'

/** The tables whose changes are told on a stream: what replicates is written there. */
export const streamedTables = ['Vaults', 'Keys', 'Identity'] as const satisfies readonly TableName[]

/** One row. Every member but those named here is the caller's own JSON. */
export interface Item {
  readonly pk: string
  readonly sk: string
  /** Order of writing: `(epoch, revision)`, the epoch as text that sorts (lib/kms/rows/epoch.ts). */
  readonly epoch?: string
  readonly revision?: number
  /** Unix time in seconds; from then on the item reads as absent and satisfies `absent`. Its late removal is no change. */
  readonly expiresAt?: number
  /** Partition of the two listing indexes; an item without it is in neither. */
  readonly gpk?: string
  /** Sort keys of the indexes `byTime` and `byName`, unique within `gpk`. */
  readonly byTime?: string
  readonly byName?: string
  /** Id of the write that made this item; set by the adapter. */
  readonly writeId?: string
  readonly [member: string]: Json | undefined
}

export type IndexName = 'byTime' | 'byName'

export type Condition =
  | { readonly kind: 'absent' }
  | { readonly kind: 'revision'; readonly revision: number }
  /** Holds where the stored item is absent or its (epoch, revision) is smaller than this. */
  | { readonly kind: 'newer'; readonly epoch: string; readonly revision: number }
  /** Holds where the item exists and each member equals; null equals a missing member too. */
  | { readonly kind: 'fields'; readonly fields: Readonly<Record<string, string | number | boolean | null>> }

export type Write =
  | { readonly op: 'put'; readonly table: TableName; readonly item: Item; readonly condition?: Condition }
  | {
      readonly op: 'delete'
      readonly table: TableName
      readonly pk: string
      readonly sk: string
      readonly condition?: Condition
    }
  | {
      readonly op: 'check'
      readonly table: TableName
      readonly pk: string
      readonly sk: string
      readonly condition: Condition
    }

/** `failed` lists the positions of the writes whose conditions did not hold; nothing at all was written then. */
export type WriteOutcome = { readonly ok: true } | { readonly ok: false; readonly failed: readonly number[] }

/** A page of items, none of which is cut, ends early where it has grown to about so much. */
export const pageBytes = 1_000_000

/**
 * A page: the items and, where more follow, `next`: the sort key to give as `after`. It may hold fewer than were asked for
 * though more follow, as DynamoDB's pages do, so that no read takes memory without bound.
 */
export interface Page {
  readonly items: readonly Item[]
  readonly next?: string
}

export interface PageRequest {
  /** Largest number of items, 1 to 1000. */
  readonly limit: number
  /** Exclusive start: a sort key. */
  readonly after?: string
  readonly descending?: boolean
}

export interface ScanRequest {
  /** Largest number of items, 1 to 1000. */
  readonly limit: number
  /** `next` of the page before. */
  readonly after?: string
}

/**
 * Limits: at most 100 writes and 4 MB in one call, no item twice, an item at most 200 KB as JSON (it must fit a queue
 * message). Text compares by its UTF-8 bytes. Committed writes yield one change per item on the table's stream, ordered
 * per item; a transaction does not stay together there.
 */
export interface Tables {
  /** Strongly consistent. */
  get(table: TableName, pk: string, sk: string): Promise<Item | undefined>
  /** Strongly consistent; items whose sk starts with the prefix, in the order of sk. */
  query(table: TableName, pk: string, skPrefix: string, page: PageRequest): Promise<Page>
  /** May lag behind writes. */
  queryIndex(table: TableName, index: IndexName, gpk: string, page: PageRequest): Promise<Page>
  /**
   * Every item of a table, strongly consistent, in no order that means anything: for an operator's step that must miss none.
   * Costs a read of the whole table. What is written meanwhile may come or not; what stands all the time comes once. A page may be empty though more follow.
   */
  scan(table: TableName, page: ScanRequest): Promise<Page>
  /**
   * All or nothing. `writeId` names this attempt: given again after an ambiguous failure, a condition that fails on an
   * item carrying this very id counts as success.
   * @throws KmsError invalidParameter where an item is over 200 KB, before anything is written; RangeError where the caller broke a limit.
   */
  write(writes: readonly Write[], writeId?: string): Promise<WriteOutcome>
  /**
   * Moves the time that an item of Requests keeps on by a step from where it stands, or from now where it has passed or
   * there is none; unless that were after `latest`: then it stays. However many do so at once, each counts once, and none
   * is refused for having come together with others. Repeated after an ambiguous failure it may count twice.
   */
  advance(pk: string, sk: string, step: TimeStep): Promise<TimeAdvanced>
}

/** Unix times and lengths in milliseconds. */
export interface TimeStep {
  readonly now: number
  readonly stepMs: number
  readonly latest: number
}

/** Where the time stands now. */
export interface TimeAdvanced {
  readonly ok: boolean
  readonly until: number
}

export type QueueName = 'inbox' | 'outcome' | 'outbox'

export interface QueueAddress {
  readonly region: string
  readonly name: QueueName
}

export interface QueueMessage {
  /** JSON, at most 256,000 bytes of UTF-8. An adapter may escape in it what its queue cannot carry. */
  readonly body: string
  readonly delaySeconds?: number
}

/** Standard queues: at least once, any order. */
export interface Queues {
  /** Resolves when every message is durable at the address. @throws where the peer cannot be reached: then some may have arrived. */
  send(to: QueueAddress, messages: readonly QueueMessage[]): Promise<void>
}

/** Milliseconds since 1970. No clock orders data: times are for people, expiries and signatures' dates. */
export type Clock = () => number

/** Waiting is a port too: a simulation decides when time passes. */
export interface Timers {
  /** Resolves after so many milliseconds. */
  sleep(ms: number): Promise<void>
  /** Does the work once after so many milliseconds, unless it is called off by what this returns. Keeps no process alive. */
  after(ms: number, work: () => void): () => void
}

export interface Logger {
  info(message: string, details?: Readonly<Record<string, Json | undefined>>): void
  warn(message: string, details?: Readonly<Record<string, Json | undefined>>): void
  /** `cause` is for operators; it never reaches a caller. */
  error(message: string, cause: unknown, details?: Readonly<Record<string, Json | undefined>>): void
}
