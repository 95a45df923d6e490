import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { overHttp, planOf, type Plan } from './plan.ts'
import { runSchedule } from './runSchedule.ts'
import { only, partsOf, shrink } from './shrink.ts'
import { simulateRange, type RangeReport } from './simulateRange.ts'

/**
 * `npm run simulate -- --schedules 1000000 --seed 1`: schedules of the real code over simulated ports, on every core. One
 * that breaks a promise is made smaller, and the line that replays it is printed. `--seed N --trace` shows one schedule.
 */

const { values } = parseArgs({
  options: {
    schedules: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: String(availableParallelism()) },
    order: { type: 'string' },
    only: { type: 'string' },
    trace: { type: 'boolean', default: false },
    /** Signed requests through the functions of the HTTP API: twice as slow. */
    http: { type: 'boolean', default: false },
    /** How the workers are called: their first seed, their number of schedules and the distance between two. */
    range: { type: 'string' },
  },
})

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function plannedOf(seed: number): Plan {
  return values.http ? overHttp(planOf(seed)) : planOf(seed)
}

async function work(range: string): Promise<void> {
  const [from = 0, count = 0, stride = 1] = range.split(',').map(Number)
  process.send?.(await simulateRange(from, count, stride, values.http))
}

async function replay(): Promise<void> {
  const plan = plannedOf(Number(values.seed))
  const parts = values.only?.split(',') ?? partsOf(plan)
  const smaller = only(plan, new Set(parts), Number(values.order ?? plan.order))
  if (values.trace) say(JSON.stringify(smaller, undefined, 1))
  const { broken, steps } = await runSchedule(smaller, values.trace ? say : undefined)
  say(broken ?? `Nothing broke in ${steps} steps.`)
  process.exitCode = broken === undefined ? 0 : 1
}

async function simulate(): Promise<void> {
  const [first, schedules] = [Number(values.seed), Number(values.schedules)]
  const workers = Math.max(1, Math.min(Number(values.workers), schedules))
  const started = performance.now()
  const reports = await Promise.all(
    Array.from({ length: workers }, (_, index) => {
      const count = Math.floor((schedules - index + workers - 1) / workers)
      return inWorker(`${first + index},${count},${workers}`)
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
  const shrunk = await shrink(plannedOf(broken.seed))
  if (shrunk !== undefined) say(`Made smaller: ${shrunk.broken}\n${shrunk.command}`)
}

function inWorker(range: string): Promise<RangeReport> {
  return new Promise((resolve, reject) => {
    const child = fork(import.meta.filename, ['--range', range, ...(values.http ? ['--http'] : [])])
    child.on('message', (report) => {
      resolve(report as RangeReport)
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      reject(new Error(`A worker ended with ${code}.`))
    })
  })
}

if (values.range !== undefined) await work(values.range)
else if (values.only !== undefined || values.trace) await replay()
else await simulate()
