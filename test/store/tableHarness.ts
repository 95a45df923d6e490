import type { Item, Page, Tables, WriteOutcome } from '../../lib/ports.ts'
import type { Change } from '../../lib/store/change.ts'

/** An open adapter whose clock the suite moves. */
export interface TableHarness {
  readonly tables: Tables
  /** Moves the adapter's clock. */
  readonly advance: (ms: number) => void
  /** Now, by the adapter's clock. */
  readonly now: () => number
  /** Whether calls made at once commit in their order. */
  readonly commitsInOrder: boolean
  /** Whether a change's old image may be an item that had expired and was not removed yet. */
  readonly showsExpired: boolean
  /** How far before its commit a change may say that it was. */
  readonly commitGrainMs: number
  /** Every change since opening, once no more is under way. */
  readonly changes: () => Promise<readonly Change[]>
  /** Removes what has expired from the storage itself. */
  readonly sweep: () => Promise<void>
  readonly close: () => Promise<void>
}

export type OpenTables = () => Promise<TableHarness>

/** A test's body with a harness of its own. */
export function withTables(open: OpenTables, body: (harness: TableHarness) => Promise<void>): () => Promise<void> {
  return async () => {
    const harness = await open()
    try {
      await body(harness)
    } finally {
      await harness.close()
    }
  }
}

let partitions = 0

/** A partition that no other test uses, so that adapters may keep their tables between tests. */
export function freshPk(): string {
  partitions += 1
  return `partition-${process.pid}-${Date.now()}-${partitions}`
}

export function anItem(pk: string, members: Partial<Item> = {}): Item {
  return { pk, sk: 'row', epoch: '00000001.eu-frankfurt-1', revision: 1, state: 'ENABLED', ...members }
}

export async function putAll(tables: Tables, items: readonly Item[], table: 'Keys' | 'Vaults' = 'Keys'): Promise<void> {
  for (const item of items) {
    expect(await tables.write([{ op: 'put', table, item }])).toEqual(written)
  }
}

export const written: WriteOutcome = { ok: true }

export function refused(...failed: readonly number[]): WriteOutcome {
  return { ok: false, failed }
}

export function sortKeys(page: Page): readonly string[] {
  return page.items.map(({ sk }) => sk)
}

/** Indexes may lag: asks again, moving the clock, until the answer is the expected one; else returns the last answer. */
export async function settled<T>(harness: TableHarness, ask: () => Promise<T>, expected: T): Promise<T> {
  const wanted = JSON.stringify(expected)
  let answer = await ask()
  for (let attempt = 0; attempt < 50 && JSON.stringify(answer) !== wanted; attempt += 1) {
    harness.advance(100)
    await new Promise((resolve) => setTimeout(resolve, 2))
    answer = await ask()
  }
  return answer
}
