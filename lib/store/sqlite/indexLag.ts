import type { Item, TableName } from '../../ports.ts'

interface Pending {
  readonly table: TableName
  readonly old: Item | undefined
  readonly visibleAt: number
}

/**
 * Simulates an index that follows its table late, as DynamoDB's do: until a change is visible, the index shows the
 * item as it was. Kept in memory only; a restart catches the index up.
 */
export class IndexLag {
  readonly #lagMs: () => number
  readonly #pending = new Map<string, Pending[]>()

  constructor(lagMs: () => number) {
    this.#lagMs = lagMs
  }

  record(table: TableName, pk: string, sk: string, old: Item | undefined, now: number): void {
    const address = addressOf(table, pk, sk)
    const earlier = this.#pending.get(address) ?? []
    this.#pending.set(address, [...earlier, { table, old, visibleAt: now + this.#lagMs() }])
  }

  /** The items of a table that the index shows otherwise than the table: by address, as the index still has them. */
  shownOtherwise(table: TableName, now: number): ReadonlyMap<string, Item | undefined> {
    const shown = new Map<string, Item | undefined>()
    for (const [address, changes] of this.#pending) {
      const left = changes.filter(({ visibleAt }) => visibleAt > now)
      const [first] = left
      if (first === undefined) this.#pending.delete(address)
      else {
        this.#pending.set(address, left)
        if (first.table === table) shown.set(address, first.old)
      }
    }
    return shown
  }
}

export function addressOf(table: TableName, pk: string, sk: string): string {
  return JSON.stringify([table, pk, sk])
}
