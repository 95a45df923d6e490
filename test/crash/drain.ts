import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { claimBase } from '../local/claimedBase.ts'
import { drainRun } from './drainRun.ts'

/**
 * `npm run drain -- --changes 100000`: what a link leaves behind that was cut for a day. Ends with an error where the regions
 * differ after it, or where the processes' memory grows while it drains.
 */

const { values } = parseArgs({ options: { changes: { type: 'string', default: '10000' } } })
const changes = Number(values.changes)
/** Of the second half's memory over the first's: what waits lies in files, and a few batches are all that memory holds. */
const maxGrowth = 1.25

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

const directory = mkdtempSync(join(tmpdir(), 'vaultspan-drain-'))
const { base, release } = await claimBase()
try {
  const { recordsPerSecond, memory, rows } = await drainRun({ changes, directory, base, say })
  say(`${recordsPerSecond.toFixed(0)} records a second; ${rows} rows the same in both regions.`)
  if (memory !== undefined) {
    const [before, firstHalf, secondHalf, after] = [
      memory.before,
      memory.firstHalf,
      memory.secondHalf,
      memory.after,
    ].map(Math.round)
    say(`Memory of both regions, MB: ${before} before, at most ${firstHalf} and then ${secondHalf}, ${after} after.`)
    if (memory.secondHalf > memory.firstHalf * maxGrowth)
      throw new Error(`Memory grew by more than ${maxGrowth} times while it drained.`)
  }
} catch (cause) {
  process.exitCode = 1
  say(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause))
} finally {
  rmSync(directory, { recursive: true, force: true })
  await release()
}
