import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { claimBase } from '../local/claimedBase.ts'
import { crashRun } from './crashRun.ts'

/**
 * `npm run crash -- --kills 300 --seed 1`: kill -9 at random moments under changes of every kind. What the clients do and how
 * long they are let be is the seed's; what the service was doing at that moment is not, so that one seed may show more than
 * one crash. The directory of a run that breaks a promise stays.
 */

const { values } = parseArgs({
  options: { kills: { type: 'string', default: '20' }, seed: { type: 'string', default: '1' } },
})
const [kills, seed] = [Number(values.kills), Number(values.seed)]

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

const directory = mkdtempSync(join(tmpdir(), 'vaultspan-crash-'))
const { base, release } = await claimBase()
try {
  const report = await crashRun({ kills, seed, directory, base, say })
  for (const [operation, n] of [...report.acknowledged].sort()) {
    say(`${operation.padEnd(28)} ${String(n).padStart(6)} acknowledged, ${report.refused.get(operation) ?? 0} refused`)
  }
  say(
    `${kills} kills and ${report.earlyKills} of a process that was starting: all of ${report.keys} keys and ${report.ciphertexts} ciphertexts are there in both regions, ${report.rows} rows the same.`,
  )
  rmSync(directory, { recursive: true, force: true })
} catch (cause) {
  process.exitCode = 1
  say(`Seed ${seed} broke a promise: ${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}`)
  say(`Its data is in ${directory}.`)
} finally {
  await release()
}
