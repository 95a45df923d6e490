import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { Option } from 'commander'
import { CommandLine } from '../../local/cli/commandLine.ts'
import { runCommand } from '../../local/runCommand.ts'
import { UserError } from '../../lib/userError.ts'
import { overHttp, planOf, type Plan } from './plan.ts'
import { runSchedule } from './runSchedule.ts'
import { only, partsOf, shrink } from './shrink.ts'
import { simulateRange, type RangeReport } from './simulateRange.ts'

/**
 * `npm run simulate -- --schedules 1000000 --seed 1`: schedules of the real code over simulated ports, on every core. One
 * that breaks a promise is made smaller, and the line that replays it is printed. `--seed N --trace` shows one schedule.
 */

interface Flags {
  readonly schedules: number
  readonly seed: number
  readonly workers: number
  readonly order?: number
  readonly only?: string
  readonly trace: boolean
  readonly http: boolean
  /** How the workers are called: their first seed, their number of schedules and the distance between two. */
  readonly range?: string
}

const command = new CommandLine('simulate')
  .description('Runs seeded schedules of the real code over simulated ports, and replays one that breaks a promise.')
  .option('--schedules <N>', 'how many', wholeNumber, 1000)
  .option('--seed <N>', 'that of the first one, or of the one to replay', wholeNumber, 1)
  .option('--workers <N>', 'processes', wholeNumber, availableParallelism())
  .option('--http', 'signed requests through the functions of the HTTP API: twice as slow', false)
  .option('--trace', 'replays the schedule of the seed, and shows each of its steps', false)
  .option('--only <PARTS>', 'replays the schedule of the seed with these parts alone, as a failure prints them')
  .option('--order <N>', 'in this order', wholeNumber)
  .addOption(new Option('--range <RANGE>').hideHelp())

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new UserError(`${text} is no whole number. Run npm run simulate -- --help.`)
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function plannedOf(seed: number, { http }: Flags): Plan {
  return http ? overHttp(planOf(seed)) : planOf(seed)
}

async function work(range: string, { http }: Flags): Promise<void> {
  const [from = 0, count = 0, stride = 1] = range.split(',').map(Number)
  process.send?.(await simulateRange(from, count, stride, http))
}

async function replay(flags: Flags): Promise<void> {
  const plan = plannedOf(flags.seed, flags)
  const parts = flags.only?.split(',') ?? partsOf(plan)
  const smaller = only(plan, new Set(parts), flags.order ?? plan.order)
  if (flags.trace) say(JSON.stringify(smaller, undefined, 1))
  const { broken, steps } = await runSchedule(smaller, flags.trace ? say : undefined)
  say(broken ?? `Nothing broke in ${steps} steps.`)
  process.exitCode = broken === undefined ? 0 : 1
}

async function simulate(flags: Flags): Promise<void> {
  const { seed: first, schedules } = flags
  const workers = Math.max(1, Math.min(flags.workers, schedules))
  const started = performance.now()
  const reports = await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const count = Math.floor((schedules - index + workers - 1) / workers)
      return inWorker(`${first + index},${count},${workers}`, flags)
    }),
  )
  const sum = (of: (report: RangeReport) => number) => reports.reduce((total, report) => total + of(report), 0)
  const done = sum((report) => report.schedules)
  const seconds = (performance.now() - started) / 1000
  const each = sum(({ milliseconds }) => milliseconds) / done
  say(
    `${done} schedules, ${sum(({ steps }) => steps)} steps, ${sum(({ acknowledged }) => acknowledged)} changes acknowledged; ` +
      `${seconds.toFixed(1)} s on ${workers} workers, ${each.toFixed(1)} ms of processor time each.`,
  )
  const [broken] = reports.flatMap((report) => report.broken).sort((a, b) => a.seed - b.seed)
  if (broken === undefined) return
  process.exitCode = 1
  say(`The schedule of seed ${broken.seed} broke a promise: ${broken.reason}`)
  const shrunk = await shrink(plannedOf(broken.seed, flags))
  if (shrunk !== undefined) say(`Made smaller: ${shrunk.broken}\n${shrunk.command}`)
}

function inWorker(range: string, { http }: Flags): Promise<RangeReport> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['--range', range, ...(http ? ['--http'] : [])])
    child.on('message', (report) => {
      resolve(report as RangeReport)
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      reject(new Error(`A worker ended with ${code}.`))
    })
  })
}

await runCommand(async () => {
  const flags = command.parse().opts<Flags>()
  if (flags.range !== undefined) await work(flags.range, flags)
  else if (flags.only !== undefined || flags.trace) await replay(flags)
  else await simulate(flags)
})
