import { readFile } from 'node:fs/promises'
import type { OperationCost } from '../../../bench/operationCosts.ts'

export type Counts = Omit<OperationCost, 'operation'>

/** The table of docs/cost.md, by operation. */
export async function documentedCosts(): Promise<ReadonlyMap<string, Counts>> {
  const text = await readFile('docs/cost.md', 'utf8')
  return new Map(
    text.split('\n').flatMap((line) => {
      const [, name = '', ...cells] = line.split('|').map((cell) => cell.trim())
      if (cells.length !== 8) return []
      const [reads = NaN, writes = NaN, transactionWrites = NaN, messages = NaN, ...rest] = cells.map(Number)
      const [streamRecords = NaN, readUnits = NaN, writeUnits = NaN] = rest
      return [[name, { reads, writes, transactionWrites, messages, streamRecords, readUnits, writeUnits }] as const]
    }),
  )
}
