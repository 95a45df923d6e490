import type { Plan } from './plan.ts'
import { runSchedule } from './runSchedule.ts'

/** A part of a plan that can be left out: `0.2`, the third step of the first client; `f1`, a fault; `l0`, a look. */
type Part = string

export function partsOf({ clients, faults, looks }: Plan): readonly Part[] {
  return [
    ...clients.flatMap(({ steps }, client) => steps.map((_, step) => `${client}.${step}`)),
    ...faults.map((_, fault) => `f${fault}`),
    ...looks.map((_, look) => `l${look}`),
  ]
}

/** The plan with these parts alone. Clients keep their numbers, because their names are part of the schedule. */
export function only(plan: Plan, parts: ReadonlySet<Part>, order: number): Plan {
  return {
    ...plan,
    order,
    clients: plan.clients.map(({ tenancy, steps }, client) => ({
      tenancy,
      steps: steps.filter((_, step) => parts.has(`${client}.${step}`)),
    })),
    faults: plan.faults.filter((_, fault) => parts.has(`f${fault}`)),
    looks: plan.looks.filter((_, look) => parts.has(`l${look}`)),
  }
}

export interface Shrunk {
  readonly plan: Plan
  readonly broken: string
  /** What replays it. */
  readonly command: string
}

/** Other parts change the order of everything that follows, so each smaller plan is tried in several orders. */
const ordersTried = 12
const mostRuns = 1500

/** The smallest part of a broken plan found that still breaks a promise. */
export async function shrink(plan: Plan): Promise<Shrunk | undefined> {
  const first = (await runSchedule(plan)).broken
  if (first === undefined) return undefined
  let best = { parts: partsOf(plan), order: plan.order, broken: first }
  let runs = 0
  for (let size = Math.ceil(best.parts.length / 2); size >= 1 && runs < mostRuns; size = Math.floor(size / 2)) {
    for (let start = 0; start < best.parts.length && runs < mostRuns;) {
      const parts = best.parts.filter((_, index) => index < start || index >= start + size)
      const found = await breaking(plan, parts, best.order)
      runs += found?.runs ?? ordersTried
      if (found === undefined) start += size
      else best = { parts, ...found }
    }
  }
  const { parts, order, broken } = best
  const http = plan.settings.isOverHttp ? ' --http' : ''
  const command = `npm run simulate -- --seed ${plan.seed} --order ${order} --only ${parts.join(',')}${http} --trace`
  return { plan: only(plan, new Set(parts), order), broken, command }
}

async function breaking(
  plan: Plan,
  parts: readonly Part[],
  first: number,
): Promise<{ order: number; broken: string; runs: number } | undefined> {
  for (let tried = 0; tried < ordersTried; tried += 1) {
    const order = first + tried
    const { broken } = await runSchedule(only(plan, new Set(parts), order))
    if (broken !== undefined) return { order, broken, runs: tried + 1 }
  }
  return undefined
}
