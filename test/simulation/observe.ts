import type { Runtime } from '../../lib/runtime/composeRegion.ts'
import { composeSimulated } from './composeSimulated.ts'
import type { Region } from './region.ts'
import { SeededRandom } from './seededRandom.ts'
import type { World } from './world.ts'

/** The product's functions over a region's rows as they are, at once and between two steps: for looking, not for changing. */
export function observe(world: World, region: Region): Runtime {
  const { settings, log } = world.partsOf(region === world.a ? 'a' : 'b')
  return composeSimulated({
    name: region.name,
    scheduler: {
      now: world.scheduler.now,
      call: async (_by, _region, _kind, _label, effect) => effect(),
      timers: () => ({ sleep: async () => undefined, after: () => () => undefined }),
    },
    network: { portOf: () => ({ send: () => Promise.reject(new Error('Nobody is there.')) }) },
    random: new SeededRandom(1),
    // Nothing changes while one looks, so what was read and verified once need not be read again.
    settings: { ...settings, keyCacheMs: 1000 },
    log,
    tables: region.tables,
    identityHeads: new Map(region.identityHeads),
    incarnation: world.outside,
    objects: world.objects,
  })
}
