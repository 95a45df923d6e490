import { advanceContract } from './advanceContract.ts'
import { conditionContract } from './conditionContract.ts'
import { indexContract } from './indexContract.ts'
import { queryContract } from './queryContract.ts'
import { scanContract } from './scanContract.ts'
import { streamContract } from './streamContract.ts'
import type { OpenTables } from './tableHarness.ts'
import { writeContract } from './writeContract.ts'

/** Every clause of the table port (lib/ports.ts), for any adapter. */
export function tableContract(name: string, open: OpenTables): void {
  describe(`the table port on ${name}`, () => {
    // First: what others leave in the tables is read too.
    describe('scans', () => {
      scanContract(open)
    })
    describe('times that move on', () => {
      advanceContract(open)
    })
    describe('conditions', () => {
      conditionContract(open)
    })
    describe('writes', () => {
      writeContract(open)
    })
    describe('queries', () => {
      queryContract(open)
    })
    describe('indexes', () => {
      indexContract(open)
    })
    describe('the stream', () => {
      streamContract(open)
    })
  })
}
