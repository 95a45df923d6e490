import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { issueFaults } from '../seededFaults/issueFaults.ts'

/**
 * What the simulation was written for: `createKey; updateKey; createKeyVersion` once left versions that never served in the
 * replica, because the hand-off of the second change read the version from the table, where it was still CREATING.
 */
const lostVersion = 'the hand-off of a rotation leaves the versions out that came before the last receipt'
const seededFaults = join(import.meta.dirname, '..', 'seededFaults')

test('the lost version is found within 100 schedules once its mend is taken out', async () => {
  const fault = issueFaults.find(({ name }) => name === lostVersion)
  expect(fault).toBeDefined()
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', join(seededFaults, 'plant.ts'), join(seededFaults, 'hunt.ts'), '100'],
    { env: { ...process.env, SEEDED_FAULT: JSON.stringify(fault) } },
  )
  expect(stdout).toMatch(/^caught by the schedule of seed \d+: .* but of version#/)
})
