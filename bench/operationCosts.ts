import { streamedTables } from '../lib/ports.ts'
import { recordUses, type Use } from '../test/aws/harness/recordUses.ts'
import { twoRegions } from '../test/harness/twoRegions.ts'
import { costedOperations } from './costedOperations.ts'

/** What one operation asks of AWS in all regions together, until nothing is left to do. */
export interface OperationCost {
  readonly operation: string
  /** Requests that read, items written alone, items written (or checked) in transactions. */
  readonly reads: number
  readonly writes: number
  readonly transactionWrites: number
  readonly messages: number
  readonly streamRecords: number
  /** As DynamoDB counts them on demand: 4 KB read, 1 KB written, a transaction twice, each index once more. */
  readonly readUnits: number
  readonly writeUnits: number
}

const streamed = new Set<string>(streamedTables)

/** Over the real functions with warm caches; a function of the ports, so it is the same on every host. */
export async function operationCosts(): Promise<readonly OperationCost[]> {
  const cloud = await twoRegions({ keyCacheMs: 1000 })
  try {
    const uses = recordUses(cloud)
    const rows: OperationCost[] = []
    const { warmUp, runs } = await costedOperations(cloud, async () => {
      cloud.clock.now += 2000
    })
    for (const [operation, run] of runs) {
      await cloud.settle()
      // A minute's mark in the audit is written by the first of its events, and caches are filled for a second.
      cloud.clock.now = (Math.floor(cloud.clock.now / 60_000) + 1) * 60_000
      await warmUp()
      uses.length = 0
      await run()
      await cloud.settle()
      rows.push(costOf(operation, uses))
    }
    return rows
  } finally {
    cloud.close()
  }
}

type TableUse = Extract<Use, { readonly table: unknown }>

function costOf(operation: string, uses: readonly Use[]): OperationCost {
  const ofTables = uses.filter((use): use is TableUse => 'table' in use)
  const isRead = ({ use }: TableUse) => use === 'get' || use === 'query' || use === 'list'
  const reads = ofTables.filter(isRead)
  const written = ofTables.filter((use) => !isRead(use))
  const sizes = Map.groupBy(written, ({ region, call }) => `${region} ${call}`)
  const isTransaction = ({ region, call }: TableUse) => (sizes.get(`${region} ${call}`)?.length ?? 0) > 1
  return {
    operation,
    reads: reads.length,
    writes: written.filter((use) => !isTransaction(use)).length,
    transactionWrites: written.filter(isTransaction).length,
    messages: uses.filter(({ use }) => use === 'send').length,
    streamRecords: written.filter(({ use, table }) => use !== 'check' && streamed.has(table)).length,
    readUnits: sum(reads, ({ use, bytes }) => Math.max(1, Math.ceil(bytes / 4096)) * (use === 'list' ? 0.5 : 1)),
    writeUnits: sum(written, (use) => {
      const kilobytes = Math.max(1, Math.ceil(use.bytes / 1024))
      return kilobytes * (isTransaction(use) ? 2 : 1) + (use.isIndexed ? 2 * kilobytes : 0)
    }),
  }
}

function sum<T>(list: readonly T[], of: (each: T) => number): number {
  return list.reduce((total, each) => total + of(each), 0)
}
