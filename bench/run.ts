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
import { peerOf, type Peer } from './peers.ts'
import { benchRefusals } from './refusals.ts'
import { benchSizes } from './sizes.ts'

const usualParts = ['lag', 'atOnce', 'encrypt', 'identity', 'refusals', 'hsm', 'operations'] as const
/** The last makes stores of many gigabytes, and is run where it is named. */
const parts = [...usualParts, 'sizes'] as const
type Part = (typeof parts)[number]

interface Flags {
  readonly only: readonly Part[]
  readonly workers: number
  readonly peer?: readonly Peer[]
  readonly stores?: string
}

/** `npm run bench`: prints what it measures; nothing here decides whether a test passes. */
await runCommand(async () => {
  const command = new CommandLine('bench')
    .description('Measures this machine, with the floor and the goals beside it (docs/performance.md).')
    .argument('[KEYS...]', 'how many keys the stores of `--only sizes` have', ['1000', '100000', '1000000'])
    .option('--only <PARTS>', `some of ${parts.join(',')}`, partsOf, usualParts)
    .option('--stores <DIR>', 'where those stores are kept, so that another run need not make them')
    .option('--workers <N>', 'worker threads in each region', wholeNumber, availableParallelism())
    .option(
      '--peer <NAME=FILE>',
      'a service that runs here, measured beside Encrypt: a file with the JSON of its request; may be repeated',
      peerOf,
    )
  command.parse()
  const { only, workers, stores, peer = [] } = command.opts<Flags>()
  const [keys = []] = command.processedArgs as readonly (readonly string[])[]
  const sizes = keys.map(wholeNumber)
  if (sizes.some((size) => size < 1000)) throw new UserError('A store that is measured has 1000 keys or more.')
  const [cpu] = cpus()
  console.log(
    `Node ${process.version}, ${cpus().length} × ${cpu?.model ?? 'unknown processor'}, ${new Date().toISOString()}`,
  )
  if (only.includes('lag')) await benchLag()
  if (only.includes('atOnce')) await benchAtOnce()
  if (only.includes('encrypt')) await benchEncrypt(workers, peer)
  if (only.includes('hsm')) await benchHsm()
  if (only.includes('identity')) await benchIdentity()
  if (only.includes('refusals')) await benchRefusals()
  if (only.includes('operations')) await benchOperations()
  if (only.includes('sizes')) await benchSizes(sizes, stores)
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
