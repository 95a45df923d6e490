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
