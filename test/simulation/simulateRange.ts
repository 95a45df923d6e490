import { overHttp, planOf } from './plan.ts'
import { runSchedule } from './runSchedule.ts'

export interface RangeReport {
  readonly schedules: number
  readonly steps: number
  readonly acknowledged: number
  /** Of processor time. */
  readonly milliseconds: number
  readonly broken: readonly { readonly seed: number; readonly reason: string }[]
}

const mostBroken = 3

/** Runs the schedules of seeds `from`, `from + stride`, …; stops early where several broke a promise. */
export async function simulateRange(from: number, count: number, stride = 1, isOverHttp = false): Promise<RangeReport> {
  const broken: { seed: number; reason: string }[] = []
  const started = process.cpuUsage()
  let [schedules, steps, acknowledged] = [0, 0, 0]
  for (let index = 0; index < count && broken.length < mostBroken; index += 1) {
    const seed = from + index * stride
    const plan = planOf(seed)
    const outcome = await runSchedule(isOverHttp ? overHttp(plan) : plan)
    schedules += 1
    steps += outcome.steps
    acknowledged += outcome.acknowledged
    if (outcome.broken !== undefined) broken.push({ seed, reason: outcome.broken })
  }
  const { user, system } = process.cpuUsage(started)
  return { schedules, steps, acknowledged, milliseconds: (user + system) / 1000, broken }
}
