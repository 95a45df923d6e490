import { operations, type OperationName } from '../../lib/http/operations.ts'
import { claimBase } from '../local/claimedBase.ts'
import { withDirectory } from '../local/startedService.ts'
import { crashRun } from './crashRun.ts'

/** A few of the kills that `npm run crash` does by the hundred at night. */
const kills = 4

test('what was acknowledged before a kill -9 is there in both regions, whatever kind of change was under way', () =>
  withDirectory(async (directory) => {
    const { base, release } = await claimBase()
    const lines: string[] = []
    try {
      const report = await crashRun({ kills, seed: Date.now(), directory, base, say: (line) => lines.push(line) })
      const names = [...report.acknowledged.keys()]
      expect(names.filter((name: OperationName) => operations[name].method === 'GET')).toEqual([])
      expect(names.length).toBeGreaterThan(10)
    } catch (cause) {
      throw new Error(`Seed and moments: ${lines.join('\n')}`, { cause })
    } finally {
      await release()
    }
  }))
