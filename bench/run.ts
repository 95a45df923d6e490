import { availableParallelism, cpus } from 'node:os'
import { CommandLine } from '../local/cli/commandLine.ts'
import { runCommand } from '../local/runCommand.ts'
import { UserError } from '../lib/userError.ts'
import { benchAtOnce } from './atOnce.ts'
import { benchEncrypt } from './encrypt.ts'
import { benchHsm } from './hsm.ts'
import { benchIdentity } from './identity.ts'
import { benchLag } from './lag.ts'
import { benchOperations } from './operations.ts'
import { benchRefusals } from './refusals.ts'

const parts = ['lag', 'atOnce', 'encrypt', 'identity', 'refusals', 'hsm', 'operations'] as const
type Part = (typeof parts)[number]

interface Flags {
  readonly only: readonly Part[]
  readonly workers: number
}

/** `npm run bench`: prints what it measures; nothing here decides whether a test passes. */
await runCommand(async () => {
  const command = new CommandLine('bench')
    .description('Measures this machine, with the floor and the goals beside it (docs/performance.md).')
    .argument('[KEYS...]', 'sizes of a vault at which Encrypt, ListKeys and CreateKey are measured, e.g. 1000 100000')
    .option('--only <PARTS>', `some of ${parts.join(',')}`, partsOf, parts)
    .option('--workers <N>', 'worker threads in each region', wholeNumber, availableParallelism())
  command.parse()
  const { only, workers } = command.opts<Flags>()
  const sizes = command.args.map(wholeNumber)
  const [cpu] = cpus()
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${new Date().toISOString()}`,
  )
  if (only.includes('lag')) await benchLag()
  if (only.includes('atOnce')) await benchAtOnce()
  if (only.includes('encrypt')) await benchEncrypt(workers)
  if (only.includes('hsm')) await benchHsm()
  if (only.includes('identity')) await benchIdentity()
  if (only.includes('refusals')) await benchRefusals()
  // So many keys take their time to make.
  if (only.includes('operations')) await benchOperations(sizes)
})

function partsOf(text: string): readonly Part[] {
  return text.split(',').map((word) => {
    const part = parts.find((each) => each === word)
    if (part === undefined) throw new UserError(`There is no part ${word}; there are ${parts.join(', ')}.`)
    return part
  })
}

function wholeNumber(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw new UserError(`${text} is no whole number. Run npm run bench -- --help.`)
}
