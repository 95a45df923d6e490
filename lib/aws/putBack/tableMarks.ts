import type { JsonObject } from '../../canonicalJson.ts'
import type { Clock, Item, TableName, Tables, Write } from '../../ports.ts'
import { tableDefinitions } from '../../store/dynamodb/tableDefinitions.ts'

/**
 * DynamoDB counts no changes, so this region does: once a minute it raises a number in every table, the same in all of them
 * and in one transaction, and its messages tell the peers (lib/replication/peerMarks.ts). A table that was put back to an
 * older point in time has a smaller one than the other tables, or all of them have than a peer knows of.
 * INVARIANT: a table that a later version adds must be given the others' mark, or it looks like one that was emptied.
 */
export const marksPk = 'tableMark'
const markSk = 'mark'
const standingSk = 'standing'

const tableNames = Object.keys(tableDefinitions) as readonly TableName[]

/** A region whose tables are older than what is known of it. */
export interface FoundPutBack extends JsonObject {
  /** Which of its tables are behind. */
  readonly tables: readonly string[]
  /** The smallest mark of them. */
  readonly has: number
  readonly knows: number
}

/** What every instance reads before it serves. */
export interface StandingRow extends Item {
  readonly revision: number
  readonly checkedAt: number
  readonly putBack: FoundPutBack | null
}

export interface MarkPorts {
  readonly tables: Pick<Tables, 'get' | 'write'>
  readonly clock: Clock
  /** The largest mark of this region that any peer that answers knows of. */
  readonly known: () => Promise<number>
}

export async function standingOf(tables: Pick<Tables, 'get'>): Promise<StandingRow | undefined> {
  return (await tables.get('Replication', marksPk, standingSk)) as StandingRow | undefined
}

/**
 * Compares the tables with each other and with what the peers know. Where none is behind, raises their mark by one.
 * Resolves with the mark, or with what was found, which stands until a comparison finds nothing or `endPutBack`.
 */
export async function checkMarks(
  ports: MarkPorts,
): Promise<{ readonly mark: number } | { readonly putBack: FoundPutBack }> {
  const { tables } = ports
  const before = await standingOf(tables)
  // Before the tables: whatever a peer knows of is in them by then.
  const known = await ports.known()
  const marks = await settledMarks(tables)
  const knows = Math.max(...marks.values(), known, before?.putBack?.knows ?? 0)
  const behind = tableNames.filter((name) => (marks.get(name) ?? 0) < knows)
  if (behind.length > 0) {
    const putBack = { tables: behind, has: Math.min(...marks.values()), knows }
    await tables.write([standingWrite(ports, putBack.has, putBack)])
    return { putBack }
  }
  const { ok } = await tables.write([
    ...tableNames.map((name) => markWrite(name, knows + 1, knows)),
    standingWrite(ports, knows + 1, null),
  ])
  // Else another run has raised it meanwhile.
  return { mark: ok ? knows + 1 : knows }
}

/** All tables count on from what is known; whatever is missing below that was taken back, or is known to be lost. */
export async function endPutBack(ports: Pick<MarkPorts, 'tables' | 'clock'>, knows: number): Promise<void> {
  const marks = await settledMarks(ports.tables)
  const next = Math.max(...marks.values(), knows) + 1
  await ports.tables.write([...tableNames.map((name) => markWrite(name, next)), standingWrite(ports, next, null)])
}

/** One transaction raises them all, but they are not read in one: two looks that agree have no write between them. */
async function settledMarks(tables: Pick<Tables, 'get'>): Promise<ReadonlyMap<TableName, number>> {
  let last = await readMarks(tables)
  for (let looks = 1; looks < 10; looks += 1) {
    const next = await readMarks(tables)
    if (tableNames.every((name) => next.get(name) === last.get(name))) return next
    last = next
  }
  throw new Error('The marks of the tables are raised all the time.')
}

async function readMarks(tables: Pick<Tables, 'get'>): Promise<ReadonlyMap<TableName, number>> {
  return new Map(
    await Promise.all(
      tableNames.map(async (name) => [name, (await tables.get(name, marksPk, markSk))?.revision ?? 0] as const),
    ),
  )
}

/** `from`: only where the mark is that one still. */
function markWrite(table: TableName, revision: number, from?: number): Write {
  const item = { pk: marksPk, sk: markSk, revision }
  if (from === undefined) return { op: 'put', table, item }
  const condition = from === 0 ? ({ kind: 'absent' } as const) : ({ kind: 'revision', revision: from } as const)
  return { op: 'put', table, item, condition }
}

function standingWrite({ clock }: Pick<MarkPorts, 'clock'>, revision: number, putBack: FoundPutBack | null): Write {
  const item: Item = { pk: marksPk, sk: standingSk, revision, checkedAt: clock(), putBack }
  return { op: 'put', table: 'Replication', item }
}
