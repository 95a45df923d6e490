import type { Item, TableName } from '../ports.ts'

/** One committed put or delete, as a table's stream tells it: in order per item, transactions torn apart. */
export interface Change {
  readonly table: TableName
  readonly pk: string
  readonly sk: string
  /** The item before; null where it was absent. */
  readonly old: Item | null
  /** The item after; null where it was deleted. */
  readonly new: Item | null
  /** Milliseconds since 1970. */
  readonly committedAt: number
}

/** A change with its place in the region's order of commits: strictly growing, with gaps, never used twice. */
export interface NumberedChange extends Change {
  readonly seq: number
}

/** One table's changes as their reader sees them: they wait, in the order of their commits, until they are trimmed. */
export interface ChangeStream {
  /** The first that wait, at most so many. */
  read(limit: number): Promise<readonly NumberedChange[]>
  /** Forgets the changes up to and including `upTo`. */
  trim(upTo: number): Promise<void>
  /** Called after each commit that changed the table. Returns the way to unsubscribe. A listener must not throw. */
  onChange(listener: () => void): () => void
}
