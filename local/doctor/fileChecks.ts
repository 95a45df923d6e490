import { existsSync, readFileSync, statSync } from 'node:fs'
import { X509Certificate } from 'node:crypto'
import { userInfo } from 'node:os'
import { isMemoryFolder } from '../directory/memoryFolder.ts'
import { statesIn } from '../directory/requireRows.ts'
import { typed } from '../typed.ts'
import { fail, ok, warn, type Finding } from './finding.ts'
import { namesIn, type Patient } from './patient.ts'

const dayMs = 86_400_000

/** Of a region on a machine of its own. */
const peerFiles = [
  ['peer', 'cert.pem'],
  ['peer', 'key.pem'],
] as const

/** What belongs together is there. A start asks the same, and refuses. */
export function filesCheck({ data, file, stored, endpoints, apart }: Patient): readonly Finding[] {
  const isThere = (...parts: readonly string[]) => existsSync(file(...parts))
  if (!isThere('host.db') && stored.length === 0) {
    if (isMemoryFolder(data)) return [ok(`the cloud of ${data} is in memory (--memory), and keeps no files`)]
    if (!existsSync(data))
      return [
        fail(
          `There is no directory ${data}.`,
          `Name the one of the cloud by --data, or make a cloud there: ${typed('start', '--data', data)}`,
        ),
      ]
    const states = statesIn(data).map(([region]) => file('hsm', `${region}.json`))
    if (states.length > 0)
      return [
        fail(
          `The HSM's state is there (${states.join(', ')}), and the rows that its keys are of are not.`,
          `Restore the snapshot into a directory that is not there yet: ${typed('restore', 'SNAPSHOT', '--data', 'NEW')}`,
        ),
      ]
    return [warn(`There is no cloud in ${data} yet.`, `Make one: ${typed('start', '--data', data)}`)]
  }
  const regions =
    apart === undefined ? [...new Set([...stored, ...(endpoints ?? []).map(({ region }) => region)])] : stored
  const wanted = [
    ['host.db'],
    ...(apart === undefined || apart.isHome ? [['oci', 'administrator.pem']] : []),
    ...(apart === undefined ? [] : [...peerFiles, ['hsm', `${apart.region}.json`]]),
    ...regions.flatMap((region) => [
      ['regions', `${region}.db`],
      ['hsm', `${region}.json`],
    ]),
  ]
  const missing = [...new Map(wanted.map((parts) => [file(...parts), parts])).values()].filter(
    (parts) => !isThere(...parts),
  )
  if (missing.length === 0) return [ok(`the files of ${regions.join(', ') || (apart?.region ?? '')} are complete`)]
  return missing.map((parts) => {
    const says = `${file(...parts)} is missing.`
    if (parts[1] === 'administrator.pem') {
      return fail(says, `Put it back from a copy, or make a new key: ${typed('reset-administrator', '--data', data)}`)
    }
    return fail(
      says,
      'Put it back from a copy of the directory, or restore a snapshot; nothing else has what it holds.',
    )
  })
}

/** Secrets and stores are their owner's alone, who is whoever asks. */
export function permissionsCheck({ file, stored }: Patient): readonly Finding[] {
  const secrets = [
    ...stored.flatMap((region) => [file('regions', `${region}.db`), file('hsm', `${region}.json`)]),
    file('oci', 'administrator.pem'),
    file('peer', 'key.pem'),
    ...namesIn(file('tls')).flatMap((name) => (name.endsWith('key.pem') ? [file('tls', name)] : [])),
  ].filter((path) => existsSync(path))
  if (secrets.length === 0 || process.platform === 'win32') return []
  const open = secrets.filter((path) => (statSync(path).mode & 0o077) !== 0)
  const foreign = secrets.filter((path) => statSync(path).uid !== userInfo().uid)
  const findings = [
    ...open.map((path) => fail(`${path} is open to other users.`, `chmod 600 ${path}`)),
    ...foreign.map((path) =>
      warn(
        `${path} is another user’s.`,
        'Run this as the user who runs the service, or give the files to that user (chown).',
      ),
    ),
  ]
  return findings.length > 0 ? findings : [ok('keys and stores are their owner’s alone')]
}

/** Those that --tls has made, and the one that regions on other machines know this one by. */
export function certificatesCheck({ data, file, now }: Patient): readonly Finding[] {
  const made = namesIn(file('tls'))
    .filter((name) => name.endsWith('.pem') && !name.endsWith('key.pem'))
    .map((name) => file('tls', name))
  const restart = 'Start the service again, which makes a new one; or remove it first where that does not help.'
  const peer = file('peer', 'cert.pem')
  const renew = `Make another, ${typed('region', 'renew', '--data', data)}, export it, and have it trusted at the other regions.`
  return [
    ...made.map((path) => certificateFinding(path, now, 7 * dayMs, restart)),
    // It is carried by people.
    ...(existsSync(peer) ? [certificateFinding(peer, now, 60 * dayMs, renew)] : []),
  ]
}

function certificateFinding(path: string, now: number, soonMs: number, remedy: string): Finding {
  try {
    const until = new X509Certificate(readFileSync(path)).validToDate.getTime()
    const says = `the certificate ${path} is valid until ${new Date(until).toISOString()}`
    if (until < now) return fail(says, remedy)
    return until - now < soonMs ? warn(says, remedy) : ok(says)
  } catch {
    return fail(`${path} holds no certificate.`, remedy)
  }
}
