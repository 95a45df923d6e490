import { Client } from './client.ts'
import { baseWorld } from './baseWorld.ts'
import { requirePromises } from './during.ts'
import { inflict, minute } from './faults.ts'
import { requireConverged, unfinished } from './healed.ts'
import type { Plan, PlannedClient } from './plan.ts'
import { SeededRandom } from './seededRandom.ts'
import { steps } from './steps.ts'
import { Violation } from './violation.ts'
import { World } from './world.ts'

export interface Outcome {
  /** What broke; undefined: nothing did. */
  readonly broken: string | undefined
  /** Of the scheduler. */
  readonly steps: number
  readonly acknowledged: number
}

const mostSteps = 60_000
const mostRounds = 60

/** Runs one schedule from its base to rest. The same plan over the same code gives the same outcome. */
export async function runSchedule(plan: Plan, trace?: (line: string) => void): Promise<Outcome> {
  const base = await baseWorld(plan.base)
  const random = new SeededRandom(plan.seed, 1000 + plan.order)
  const weights = new Map<string, number>()
  const weightOf = (name: string) => {
    const known = weights.get(name) ?? new SeededRandom(plan.seed, 3 + weights.size).pick([0.1, 0.4, 1, 1, 3])
    weights.set(name, known)
    return known
  }
  const world = new World({ ...plan.settings, weightOf }, random, base.tenancies, base)
  world.scheduler.trace = trace
  let broken: string | undefined
  try {
    await live(world, plan)
    const reason = await heal(world)
    if (reason !== undefined) throw new Violation(`After healing: ${reason}.`)
    await requireConverged(world)
  } catch (cause) {
    if (!(cause instanceof Violation)) throw cause
    broken = cause.message
  }
  return { broken, steps: world.scheduler.steps, acknowledged: world.acknowledged.length }
}

/** Clients work and faults happen, until all clients are through. */
async function live(world: World, plan: Plan): Promise<void> {
  const { scheduler } = world
  let left = plan.clients.length
  plan.clients.forEach((client, index) => {
    const actor = scheduler.actor(`client ${index}`, world.settings.weightOf(`client ${index}`))
    scheduler.spawn(actor, async () => {
      await walk(world, client, `${plan.seed}-${index}`)
      left -= 1
    })
  })
  let next = 0
  scheduler.onStep = () => {
    for (let fault = plan.faults[next]; fault !== undefined && fault.at <= scheduler.steps; fault = plan.faults[next]) {
      next += 1
      inflict(world, fault)
    }
    if (scheduler.steps > mostSteps) throw new Violation('The clients never come to an end.')
  }
  for (const look of plan.looks) {
    await scheduler.run(() => left === 0 || world.acknowledged.length >= look)
    await requirePromises(world)
  }
  await scheduler.run(() => left === 0)
  if (plan.looks.length > 0) await requirePromises(world)
}

async function walk(world: World, planned: PlannedClient, name: string): Promise<void> {
  const tenancy = world.tenancies[planned.tenancy] ?? world.tenancies[0]
  if (tenancy === undefined) return
  const client = new Client(world, name, tenancy)
  const memory = { lastKey: undefined }
  await world.pause(1)
  for (const { name: step, vault: vaultNumber, key: keyNumber, hasToken, n } of planned.steps) {
    const vaults = world.known.vaults.filter((each) => each.tenancy.id === tenancy.id)
    const vault = vaults[vaultNumber % vaults.length]
    if (vault === undefined) return
    const key = keyNumber < 0 ? memory.lastKey : vault.keys[keyNumber % Math.max(1, vault.keys.length)]
    await steps[step]({ client, vault, key, token: hasToken ? client.newToken() : undefined, n, memory })
  }
}

/** Every fault ends; the regions work on until they agree. What they do not agree in where they had time enough to. */
async function heal(world: World): Promise<string | undefined> {
  const { scheduler } = world
  let reason: string | undefined
  scheduler.trace?.('      HEALED')
  world.endFaults()
  for (let round = 0; round < mostRounds; round += 1) {
    const end = scheduler.steps + mostSteps
    scheduler.onStep = () => {
      if (scheduler.steps > end) throw new Violation('The regions never come to rest.')
    }
    await scheduler.run(() => world.isIdle)
    reason = await unfinished(world)
    if (reason === undefined) return undefined
    for (const region of [world.a, world.b]) region.queues.redriveAll()
    scheduler.now += 61_000
    let isDone = false
    void Promise.all([minute(world, world.a), minute(world, world.b)]).then(() => {
      isDone = true
    })
    await scheduler.run(() => isDone)
  }
  return reason
}
