import { existsSync, statSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import { messageOf } from '../../lib/userError.ts'
import { settingsFromEnvironment } from '../cloudSettings.ts'
import { strangers } from '../hsm/tokenSettings.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import type { Patient } from './patient.ts'

const oldestNode = 24
const [scarceBytes, fewBytes] = [64 * 1024 * 1024, 1024 * 1024 * 1024]
const toleratedMs = 60_000

export function nodeCheck(version = process.versions.node): readonly Finding[] {
  if (Number(version.split('.')[0]) >= oldestNode) return [ok(`Node ${version}`)]
  return [fail(`Node ${version} is too old.`, `Install Node ${oldestNode} or later.`)]
}

/** The variables of this shell: those that a start from here would take. */
export function settingsCheck(environment = process.env): readonly Finding[] {
  try {
    const { tokens } = settingsFromEnvironment(environment)
    const unknown = tokens === null ? [] : strangers(environment)
    return [
      ok('the environment’s settings can be read'),
      ...unknown.map((name) =>
        warn(
          `${name} is none of the variables of docs/hsm.md.`,
          'Take it out of the environment, or leave it to the program whose it is.',
        ),
      ),
    ]
  } catch (cause) {
    return [
      fail(messageOf(cause), 'Correct the variable, or take it out of the environment: docs/operating.md, Settings.'),
    ]
  }
}

export function diskCheck({ data }: Pick<Patient, 'data'>, free = freeBytes(data)): readonly Finding[] {
  const says = `${Math.floor(free / 1024 / 1024)} MiB are free on the disk of ${data}`
  const remedy =
    'Make room on it: move backups/ elsewhere, enlarge it, or delete what is not Vaultspan’s; nothing in regions/.'
  if (free < scarceBytes) return [fail(says, remedy)]
  return [free < fewBytes ? warn(says, remedy) : ok(says)]
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(existsSync(path) ? path : dirname(path))
  return bavail * bsize
}

/** A clock that goes back makes signatures, rotations and deletions wrong. What was written last says how late it was. */
export function clockCheck({
  stored,
  file,
  now,
  status,
}: Pick<Patient, 'stored' | 'file' | 'now' | 'status'>): readonly Finding[] {
  const written = stored.flatMap((region) =>
    ['.db', '.db-wal'].map(
      (suffix) => statSync(file('regions', region + suffix), { throwIfNoEntry: false })?.mtimeMs ?? 0,
    ),
  )
  const aheadMs = Math.max(0, ...written) - now
  const moved = /the clock is \d+ s ahead/.exec(status?.faults ?? '')
  return [
    aheadMs > toleratedMs
      ? fail(
          `The clock is wrong: data was written ${Math.round(aheadMs / 1000)} s after what it says now, ${new Date(now).toISOString()}.`,
          'Set it, and have it kept by NTP (timedatectl set-ntp true): callers’ dates are judged by it.',
        )
      : ok(`the clock says ${new Date(now).toISOString()}, no earlier than what was written last`),
    ...(moved === null
      ? []
      : [warn(`${moved[0]} on purpose.`, 'It is right again after the next start of the service.')]),
  ]
}
