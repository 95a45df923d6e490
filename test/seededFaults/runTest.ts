import { pathToFileURL } from 'node:url'
import { runTestFile } from '../mutants/runTestFile.ts'

/** Runs one test file up to its first failure; says which test failed, or that none did. */
const [, , file = ''] = process.argv
const ran = await runTestFile(() => import(pathToFileURL(file).href), { stopsAtFailure: true })
const failed = ran.find(({ error }) => error !== undefined)
process.stdout.write(failed === undefined ? 'NOT CAUGHT\n' : `caught by ${file}, "${failed.name}"\n`)
// What a fault left running holds up nobody.
process.exit()
