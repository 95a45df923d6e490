import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import makeTokenDirectory from '../hsm/tokens/makeTokenDirectory.js'
import removeTokenDirectory from '../hsm/tokens/removeTokenDirectory.js'
import { awsFaults } from './awsFaults.ts'
import { durableFaults } from './durableFaults.ts'
import { forgedFaults } from './forgedFaults.ts'
import { issueFaults } from './issueFaults.ts'
import { ownFaults } from './ownFaults.ts'
import { securityFaults } from './securityFaults.ts'
import { planted, type SeededFault } from './seededFault.ts'

/**
 * `npm run faults:seeded [-- words of a name]`: every seeded fault must be caught. With `--suites-passed` the tests are not run
 * without a fault first: for whoever has just run all of them, as `.ci/run` has.
 */

const root = join(import.meta.dirname, '..', '..')
const execute = promisify(execFile)
const words = process.argv.slice(2)
const havePassed = words.includes('--suites-passed')
const wanted = words.filter((word) => word !== '--suites-passed').join(' ')
const schedules = 1000
const notCaught = 'NOT CAUGHT'

interface Job {
  readonly name: string
  readonly isCaught: boolean
  readonly script: readonly string[]
  readonly fault: SeededFault | null
}

/** All of these processes compile the same files but one: Node keeps what it compiled, by what the file says. */
const compiled = process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'vaultspan-compile-cache')

/** A process of its own, whose sources come with the fault. */
async function run({ fault, script: [file = '', ...rest] }: Job): Promise<string> {
  const planting = ['--no-warnings', '--import', join(import.meta.dirname, 'plant.ts')]
  const env = { ...process.env, NODE_COMPILE_CACHE: compiled, SEEDED_FAULT: JSON.stringify(fault) }
  const options = { cwd: root, env, maxBuffer: 1 << 26 }
  const { stdout } = await execute(process.execPath, [...planting, join(import.meta.dirname, file), ...rest], options)
  return stdout.trim()
}

function jobOf(fault: SeededFault): Job {
  const { name, caughtBy } = fault
  const script = caughtBy === undefined ? ['hunt.ts', String(schedules)] : ['runTest.ts', caughtBy.test]
  return { name, isCaught: true, script, fault }
}

const faults = [
  ...issueFaults,
  ...ownFaults,
  ...awsFaults,
  ...securityFaults,
  ...forgedFaults,
  ...durableFaults,
].filter(({ name }) => name.includes(wanted))
for (const fault of faults) planted(fault, await readFile(join(root, fault.file), 'utf8'))
const tests = new Set(faults.flatMap(({ caughtBy }) => caughtBy?.test ?? []))
const [byTest, bySimulation] = [true, false].map((isByTest) =>
  faults.filter(({ caughtBy }) => (caughtBy !== undefined) === isByTest).map(jobOf),
) as [Job[], Job[]]
/** A test that fails without any fault would catch them all. */
const sound = [...tests].map((test): Job => ({
  name: `${test} without a fault`,
  isCaught: false,
  script: ['runTest.ts', test],
  fault: null,
}))

const waiting = [...(havePassed ? [] : sound), ...byTest, ...bySimulation]
const wrong: string[] = []

async function work(): Promise<void> {
  for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
    const found = await run(job).catch((cause: unknown) => `could not be run: ${String(cause)}`)
    const isRight = job.isCaught ? found.startsWith('caught') : found === notCaught
    if (!isRight) wrong.push(job.name)
    if (job.isCaught || !isRight) process.stdout.write(`${job.name}: ${found.slice(0, 200)}\n`)
  }
}

const started = Date.now()
// As jest's runs have one: a token that cannot be made would count as a fault that was caught.
makeTokenDirectory()
try {
  await Promise.all(Array.from({ length: availableParallelism() }, work))
} finally {
  removeTokenDirectory()
}
const missed = faults.filter(({ name }) => wrong.includes(name)).length
const seconds = Math.round((Date.now() - started) / 1000)
process.stdout.write(`${faults.length - missed} of ${faults.length} seeded faults were caught, in ${seconds} s.\n`)
if (wrong.length > 0) process.exitCode = 1
