import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { awsFaults } from './awsFaults.ts'
import { durableFaults } from './durableFaults.ts'
import { forgedFaults } from './forgedFaults.ts'
import { issueFaults } from './issueFaults.ts'
import { ownFaults } from './ownFaults.ts'
import { securityFaults } from './securityFaults.ts'
import { planted } from './seededFault.ts'

/** `npm run faults:seeded` plants them; here only that the list fits the code. */
const root = join(import.meta.dirname, '..', '..')
const faults = [...issueFaults, ...ownFaults, ...awsFaults, ...securityFaults, ...forgedFaults, ...durableFaults]

test.each(faults)('the text of "$name" stands in $file exactly once, and its test exists', (fault) => {
  const text = readFileSync(join(root, fault.file), 'utf8')
  expect(planted(fault, text)).not.toBe(text)
  if (fault.caughtBy !== undefined) expect(existsSync(join(root, fault.caughtBy.test))).toBe(true)
})

test('no two faults have one name', () => {
  expect(new Set(faults.map(({ name }) => name)).size).toBe(faults.length)
})
