import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { issueFaults } from './issueFaults.ts'
import { ownFaults } from './ownFaults.ts'
import { planted, type SeededFault } from './seededFault.ts'

/** `npm run faults:seeded [-- words of a name]`: every seeded fault must be caught. */

const root = join(import.meta.dirname, '..', '..')
const run = promisify(execFile)
const wanted = process.argv.slice(2).join(' ')

async function bySimulation(fault: SeededFault, schedules: number): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    ['--import', join(import.meta.dirname, 'plant.ts'), join(import.meta.dirname, 'hunt.ts'), String(schedules)],
    { cwd: root, env: { ...process.env, SEEDED_FAULT: JSON.stringify(fault) }, maxBuffer: 1 << 26 },
  )
  return stdout.trim()
}

/** In a copy of the sources: jest reads them by itself. */
async function byTest(fault: SeededFault, test: string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'seeded-fault-'))
  try {
    const sources = ['handlers', 'lib', 'local', 'offline', 'deploy', 'test', 'package.json', 'jest.config.js']
    for (const each of sources) await cp(join(root, each), join(copy, each), { recursive: true })
    await symlink(join(root, 'node_modules'), join(copy, 'node_modules'))
    await writeFile(join(copy, fault.file), planted(fault, await readFile(join(root, fault.file), 'utf8')))
    const jest = join('node_modules', 'jest', 'bin', 'jest.js')
    const options = ['--no-warnings', '--experimental-vm-modules', jest, '--maxWorkers=1', test]
    return await run(process.execPath, options, { cwd: copy, maxBuffer: 1 << 26 }).then(
      () => 'NOT CAUGHT',
      () => `caught by ${test}`,
    )
  } finally {
    await rm(copy, { recursive: true, force: true })
  }
}

const faults = [...issueFaults, ...ownFaults].filter(
  ({ name, isOpen = false }) => name.includes(wanted) && (wanted !== '' || !isOpen),
)
const waiting = [...faults]
const missed: string[] = []

async function work(): Promise<void> {
  for (let fault = waiting.shift(); fault !== undefined; fault = waiting.shift()) {
    planted(fault, await readFile(join(root, fault.file), 'utf8'))
    const { caughtBy = { schedules: 1000 } } = fault
    const found = await ('test' in caughtBy ? byTest(fault, caughtBy.test) : bySimulation(fault, caughtBy.schedules))
    if (!found.startsWith('caught')) missed.push(fault.name)
    process.stdout.write(`${fault.name}: ${found.slice(0, 200)}\n`)
  }
}

await Promise.all(Array.from({ length: availableParallelism() }, work))
process.stdout.write(`${faults.length - missed.length} of ${faults.length} seeded faults were caught.\n`)
if (missed.length > 0) process.exitCode = 1
