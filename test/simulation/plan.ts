import { SeededRandom } from './seededRandom.ts'
import type { PlannedFault } from './faults.ts'
import { phrases, type Words } from './phrases.ts'
import type { StepName } from './steps.ts'

/** One thing that a client does, on a vault and key picked by number among those known then. */
export interface PlannedStep {
  readonly name: StepName
  readonly vault: number
  /** -1: the key that this client made last. */
  readonly key: number
  readonly hasToken: boolean
  readonly n: number
}

export interface PlannedClient {
  readonly tenancy: number
  readonly steps: readonly PlannedStep[]
}

export interface PlannedSettings {
  readonly isStrict: boolean
  readonly instances: 1 | 2
  readonly keyCacheMs: number
  readonly invalidatesOnCommit: boolean
  readonly indexLagMs: number
  readonly hasShortPages: boolean
  /** Whether requests are signed and go through the functions of the HTTP API; else they come behind signature and schema. */
  readonly isOverHttp: boolean
  readonly skewMs: readonly [a: number, b: number]
}

/** All that decides a schedule, besides the product's code. */
export interface Plan {
  readonly seed: number
  /** Which of the many orders in which the same work can happen. */
  readonly order: number
  readonly base: 'linked' | 'unlinked'
  readonly settings: PlannedSettings
  readonly clients: readonly PlannedClient[]
  readonly faults: readonly PlannedFault[]
  /** After how many acknowledged changes the promises are looked at. */
  readonly looks: readonly number[]
}

/** About how many steps of the scheduler one step of a client takes, with all that follows from it. */
const stepsPerStep = 90

export function overHttp(plan: Plan): Plan {
  return { ...plan, settings: { ...plan.settings, isOverHttp: true } }
}

/** A swarm: each schedule has some kinds of work and faults and lacks others, so that rare mixtures come up. */
export function planOf(seed: number): Plan {
  const random = new SeededRandom(seed, 1)
  const base = random.chance(0.8) ? 'linked' : 'unlinked'
  const settings = settingsOf(random)
  const words: Words = {
    link: base === 'unlinked' || random.chance(0.25),
    identity: random.chance(0.2),
    deletion: random.chance(0.3),
    vault: random.chance(0.4),
    // Drawn apart, so that the other schedules are what they were before there were backups.
    backup: new SeededRandom(seed, 2).chance(0.15),
  }
  const count = words.link ? random.pick([1, 2, 2, 3]) : random.pick([1, 1, 2, 2, 3])
  const length = random.pick([1, 1, 1, 2, 2, 3])
  const clients = Array.from({ length: count }, (_, index) => clientOf(random, words, length, index))
  const done = clients.reduce((sum, { steps }) => sum + steps.length, 0)
  const looks = looksOf(random, done)
  return { seed, order: 0, base, settings, clients, faults: faultsOf(random, done * stepsPerStep), looks }
}

function settingsOf(random: SeededRandom): PlannedSettings {
  const isEmbedded = random.chance(0.5)
  return {
    isStrict: random.chance(0.4),
    instances: isEmbedded ? 1 : 2,
    keyCacheMs: isEmbedded ? 1000 : 0,
    invalidatesOnCommit: isEmbedded,
    indexLagMs: random.chance(0.4) ? 3000 : 0,
    hasShortPages: random.chance(0.3),
    isOverHttp: false,
    skewMs: random.chance(0.2) ? [random.below(240_000), -random.below(240_000)] : [0, 0],
  }
}

function clientOf(random: SeededRandom, words: Words, length: number, index: number): PlannedClient {
  const tenancy = index > 0 && random.chance(0.15) ? 1 : 0
  const steps: PlannedStep[] = []
  while (steps.length < length) {
    const key = random.pick([0, 0, 0, 1, 1, 2, -1])
    const vault = random.chance(0.9) ? 0 : 1
    for (const name of phrases(random, words)) {
      const isOfNew = steps.at(-1)?.name === 'createKey' && name !== 'createKey'
      steps.push({ name, vault, key: isOfNew ? -1 : key, hasToken: random.chance(0.5), n: random.below(1000) })
    }
  }
  return { tenancy, steps }
}

const kinds = ['network', 'throttle', 'ambiguous', 'crash', 'queue', 'loss', 'time', 'days', 'old'] as const
type FaultKind = (typeof kinds)[number]

function faultsOf(random: SeededRandom, total: number): readonly PlannedFault[] {
  if (random.chance(0.2)) return []
  const allowed = kinds.filter((kind) => random.chance(kind === 'days' ? 0.15 : 0.35))
  const count = random.below(6)
  if (allowed.length === 0) return []
  const faults = Array.from({ length: count }, () => faultOf(random, random.pick(allowed), random.below(total)))
  return faults.sort((left, right) => left.at - right.at)
}

function faultOf(random: SeededRandom, kind: FaultKind, at: number): PlannedFault {
  const region = random.pick(['a', 'b'] as const)
  switch (kind) {
    case 'network':
      if (random.chance(0.4)) return { kind: 'join', at }
      return random.chance(0.3)
        ? { kind: 'slow', at, from: region, ms: random.pick([200, 800, 3000]) }
        : { kind: 'cut', at, from: random.pick(['a', 'b', 'both']), hangs: random.chance(0.4) }
    case 'throttle':
      return { kind: 'throttle', at, region, count: random.pick([1, 1, 3, 10]) }
    case 'ambiguous':
      return { kind: 'ambiguous', at, region, of: random.pick(['write', 'send']), isDone: random.chance(0.6) }
    case 'crash':
      return { kind: 'crash', at, region }
    case 'queue':
      return { kind: 'redeliver', at, region, count: random.pick([1, 3]) }
    case 'loss':
      return { kind: 'lose', at, region, count: random.pick([1, 3, 10]) }
    case 'time':
      return random.chance(0.5) ? { kind: 'minute', at, region } : { kind: 'pass', at, ms: random.pick([1000, 40_000]) }
    case 'days':
      return { kind: 'pass', at, ms: random.pick([1, 10, 70]) * 86_400_000 }
    case 'old':
      return { kind: 'repeat', at }
  }
}

function looksOf(random: SeededRandom, most: number): readonly number[] {
  const count = random.pick([0, 1, 1, 2])
  return Array.from({ length: count }, () => 1 + random.below(most)).sort((left, right) => left - right)
}
