import { availableParallelism } from 'node:os'
import { sideBySide } from './sideBySide.ts'

/** `node test/sideBySide/run.ts SCRIPT...`: npm scripts, as many at a time as there are cores. What each says stands together. */
const scripts = process.argv.slice(2)
const tasks = scripts.map((name) => ({ name, command: `npm run --silent ${name}` }))
const ended = await sideBySide(tasks, availableParallelism(), ({ name, isGood, output, seconds }) => {
  process.stdout.write(`${isGood ? 'passed' : 'FAILED'}: ${name}, in ${seconds} s\n${isGood ? '' : output}`)
})
const failed = ended.filter(({ isGood }) => !isGood).map(({ name }) => name)
if (failed.length > 0) {
  process.stdout.write(`\nFAILED: ${failed.join(', ')}.\n`)
  process.exitCode = 1
}
