import { reconcileFunction } from '../../handlers/replicate/reconcile.ts'
import { scheduleFunction } from '../../handlers/schedule/scheduleFunction.ts'
import { regionA, regionB } from './composeSimulated.ts'
import type { Region } from './region.ts'
import { requireHonest } from './requireHonest.ts'
import type { World } from './world.ts'

type RegionLetter = 'a' | 'b'

/** What goes wrong, or merely happens, at a step of the scheduler. */
export type PlannedFault = { readonly at: number } & (
  | { readonly kind: 'cut'; readonly from: RegionLetter | 'both'; readonly hangs: boolean }
  | { readonly kind: 'slow'; readonly from: RegionLetter; readonly ms: number }
  | { readonly kind: 'join' }
  | { readonly kind: 'throttle'; readonly region: RegionLetter; readonly count: number }
  | {
      readonly kind: 'ambiguous'
      readonly region: RegionLetter
      readonly of: 'write' | 'send'
      readonly isDone: boolean
    }
  | { readonly kind: 'crash'; readonly region: RegionLetter }
  | { readonly kind: 'redeliver'; readonly region: RegionLetter; readonly count: number }
  | { readonly kind: 'lose'; readonly region: RegionLetter; readonly count: number }
  | { readonly kind: 'minute'; readonly region: RegionLetter }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'repeat' }
)

export function inflict(world: World, fault: PlannedFault): void {
  world.scheduler.trace?.(`      FAULT ${JSON.stringify(fault)}`)
  switch (fault.kind) {
    case 'cut':
      for (const link of linksFrom(world, fault.from)) link.state = fault.hangs ? 'hangs' : 'refuses'
      return
    case 'slow':
      for (const link of linksFrom(world, fault.from)) link.delayMs = fault.ms
      return
    case 'join':
      world.network.heal()
      return
    case 'throttle':
      world.fail(world.region(fault.region).name, ['read', 'write', 'hsm'], fault.count, false, 'throttled')
      return
    case 'ambiguous':
      world.fail(world.region(fault.region).name, [fault.of], 1, fault.isDone, 'timed out')
      return
    case 'crash':
      world.region(fault.region).crash()
      return
    case 'redeliver':
      world.region(fault.region).redeliveries += fault.count
      return
    case 'lose':
      lose(world, world.region(fault.region), fault.count)
      return
    case 'minute':
      void minute(world, world.region(fault.region))
      return
    case 'pass':
      world.scheduler.now += fault.ms
      if (fault.ms > 3_600_000) world.haveTokensExpired = true
      return
    case 'repeat':
      world.network.repeat(world.random)
  }
}

function linksFrom({ network }: World, from: RegionLetter | 'both') {
  const [out, back] = [network.link(regionA, regionB), network.link(regionB, regionA)]
  return from === 'both' ? [out, back] : [from === 'a' ? out : back]
}

/** Changes that nobody read within the stream's retention. */
function lose({ random }: World, { tables }: Region, count: number): void {
  for (let left = count; left > 0; left -= 1) {
    const waiting = Object.values(tables.changes).filter((changes) => changes.length > 0)
    if (waiting.length === 0) return
    const changes = random.pick(waiting)
    changes.splice(random.below(changes.length), 1)
  }
}

/** What a region does once a minute. Resolves when both are done; a crash ends them. */
export function minute({ scheduler }: World, region: Region): Promise<unknown> {
  const actor = scheduler.actor(`${region.name} minute`, 1)
  const { runtime, incarnation } = region.instance()
  const work = [scheduleFunction(runtime), reconcileFunction(runtime)].map(
    (each) =>
      new Promise<void>((resolve) => {
        const forget = incarnation.onDeath(resolve)
        scheduler.spawn(actor, async () => {
          try {
            await each()
          } catch (cause) {
            requireHonest(`What ${region.name} does once a minute failed.`, cause)
          }
          forget()
          resolve()
        })
      }),
  )
  return Promise.all(work)
}
