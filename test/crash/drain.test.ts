import { claimBase } from '../local/claimedBase.ts'
import { withDirectory } from '../local/startedService.ts'
import { drainRun } from './drainRun.ts'

/** More than the pumps hold at a time; `npm run drain` does it by the hundred thousand at night, and measures. */
const changes = 600

test('what was changed while the link was cut arrives after the heal, and both regions hold the same rows', () =>
  withDirectory(async (directory) => {
    const { base, release } = await claimBase()
    try {
      const { rows } = await drainRun({ changes, directory, base, say: () => undefined })
      // Each key, its version, and the vault.
      expect(rows).toBe(2 * changes + 1)
    } finally {
      await release()
    }
  }))
