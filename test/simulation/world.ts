import type { Logger } from '../../lib/ports.ts'
import { regionA, regionB, type RegionSettings } from './composeSimulated.ts'
import { requireCopied } from './copied.ts'
import { History } from './history.ts'
import { InjectedFault } from './injectedFault.ts'
import { requireExplained, requireHonest } from './requireHonest.ts'
import { Network } from './network.ts'
import { Region } from './region.ts'
import { performOverHttp } from './overHttp.ts'
import { perform, type Tenancy } from './requests.ts'
import { Incarnation, Scheduler, type CallKind, type Fate } from './scheduler.ts'
import type { SeededRandom } from './seededRandom.ts'

export interface KnownKey {
  readonly id: string
  /** OCIDs, the oldest first. */
  readonly versions: string[]
}

export interface KnownVault {
  readonly id: string
  readonly tenancy: Tenancy
  readonly keys: KnownKey[]
}

/** Something that was answered with success, as of an order of a vault or key. */
export interface Acknowledged {
  readonly what: string
  readonly vaultId: string
  readonly resourceId: string
  readonly epoch: string
  readonly revision: number
  readonly replicationId: string
  /** It was answered as one that its region's loss would take along. */
  readonly wasAtRisk: boolean
}

export interface Ciphertext {
  readonly vault: KnownVault
  readonly keyId: string
  readonly versionId: string
  readonly bytes: Buffer
}

/** A backup that was answered with success, of a vault with its keys or of one key. */
export interface Saved {
  readonly vault: KnownVault
  readonly keyId: string | undefined
  readonly objectName: string
  /** What opened before the vault's backup was asked for and, by the same rows, when it was answered. */
  readonly promised: readonly Promised[]
}

export interface Promised extends Ciphertext {
  readonly mac: string
}

/** What clients learn together. */
export interface Known {
  readonly vaults: KnownVault[]
  readonly compartments: Map<string, string[]>
  readonly policies: Map<string, string[]>
}

/** Where a schedule begins: two regions as they stand, and what is known of them. */
export interface Base {
  readonly a: Region
  readonly b: Region
  readonly history: History
  readonly now: number
  readonly known: Known
  readonly tenancies: readonly Tenancy[]
}

export interface WorldSettings extends Omit<RegionSettings, 'skewMs' | 'tenancies'> {
  readonly skewMs: readonly [a: number, b: number]
  readonly weightOf: (actor: string) => number
  readonly isOverHttp: boolean
}

interface PendingFate extends Fate {
  readonly region: string
  readonly kinds: readonly CallKind[]
  left: number
}

/** Two regions, their network and clients, and everything that was promised. */
export class World {
  readonly settings: WorldSettings
  readonly random: SeededRandom
  readonly scheduler: Scheduler
  readonly network: Network
  readonly a: Region
  readonly b: Region
  readonly history: History
  readonly known: Known
  readonly tenancies: readonly Tenancy[]
  readonly acknowledged: Acknowledged[] = []
  /** By tenancy, the last entry of its log whose change was answered as one that every region has. */
  readonly identityPromises = new Map<string, number>()
  /** How often a region said that it could not hand a change of identity off. */
  identityWarnings = 0
  readonly ciphertexts: Ciphertext[] = []
  /** The objects of the bucket that all regions share. */
  readonly objects = new Map<string, string>()
  readonly saved: Saved[] = []
  /** Vaults that came back in the other region, under OCIDs of their own. */
  readonly elsewhere: { readonly id: string; readonly saved: Saved }[] = []
  /** How a request reaches its operation. */
  readonly perform: typeof perform
  /** Clients and whoever else is no part of a region. */
  readonly outside = new Incarnation()
  /** Days have passed: what comes again with its token may be taken for a new request. */
  haveTokensExpired = false
  readonly #fates: PendingFate[] = []

  constructor(settings: WorldSettings, random: SeededRandom, tenancies: readonly Tenancy[], base?: Base) {
    this.settings = settings
    this.random = random
    this.tenancies = tenancies
    this.perform = settings.isOverHttp ? performOverHttp : perform
    this.history = new History(base?.history)
    this.scheduler = new Scheduler(random)
    if (base !== undefined) this.scheduler.now = base.now
    this.network = new Network(this.scheduler)
    this.known = copyOf(base?.known)
    this.a = this.#region('a', base?.a)
    this.b = this.#region('b', base?.b)
    for (const region of [this.a, this.b]) {
      this.history.watch(region.name, region.tables, region === this.a)
      region.addPumps(settings.weightOf, ['inbox', 'outcome', 'outbox'], true)
    }
    this.a.tables.onCommit((table, old, item) => {
      if (table === 'Vaults' && old?.['replicaStatus'] === 'CREATING' && item?.['replicaStatus'] === 'CREATED') {
        requireCopied(this, item)
      }
    })
    this.scheduler.nextWake = () => earliest(this.a.nextWake(), this.b.nextWake())
    this.scheduler.fateOf = ({ region, kind }) => {
      if (this.#fates.length === 0) return undefined
      const index = this.#fates.findIndex((fate) => fate.region === region && fate.kinds.includes(kind))
      const fate = this.#fates[index]
      if (fate === undefined) return undefined
      fate.left -= 1
      if (fate.left === 0) this.#fates.splice(index, 1)
      return fate
    }
  }

  region(name: 'a' | 'b'): Region {
    return name === 'a' ? this.a : this.b
  }

  /** The next calls of these kinds fail, with or without their effect. */
  fail(region: string, kinds: readonly CallKind[], left: number, isDone: boolean, why: string): void {
    this.#fates.push({ region, kinds, left, isDone, fails: new InjectedFault(why) })
  }

  endFaults(): void {
    this.#fates.length = 0
    this.network.heal()
    for (const region of [this.a, this.b]) region.redeliveries = 0
  }

  pause(ms: number): Promise<void> {
    return this.scheduler.timers(this.outside, 'outside').sleep(ms)
  }

  /** Whether nobody has anything to do before time passes. */
  get isIdle(): boolean {
    return [this.a, this.b].every((region) => region.isIdle && !region.hasWork())
  }

  partsOf(region: 'a' | 'b') {
    const { scheduler, network, random, settings, tenancies } = this
    const skewMs = settings.skewMs[region === 'a' ? 0 : 1]
    return {
      name: region === 'a' ? regionA : regionB,
      scheduler,
      network,
      random,
      objects: this.objects,
      settings: { ...settings, skewMs, tenancies: new Set(tenancies.map(({ id }) => id)) },
      log: watchfulLog(
        (line) => scheduler.trace?.(line),
        (message) => {
          if (message === 'A change of identity could not be handed off.') this.identityWarnings += 1
        },
      ),
    }
  }

  #region(name: 'a' | 'b', from: Region | undefined): Region {
    return new Region({
      ...this.partsOf(name),
      ...(from === undefined ? {} : { from: { tables: from.tables, identityHeads: from.identityHeads } }),
    })
  }
}

function earliest(left: number | undefined, right: number | undefined): number | undefined {
  if (left === undefined || right === undefined) return left ?? right
  return Math.min(left, right)
}

function copyOf(known: Known | undefined): Known {
  return {
    vaults: (known?.vaults ?? []).map((vault) => ({
      ...vault,
      keys: vault.keys.map(({ id, versions }) => ({ id, versions: [...versions] })),
    })),
    compartments: new Map([...(known?.compartments ?? [])].map(([id, ids]) => [id, [...ids]])),
    policies: new Map([...(known?.policies ?? [])].map(([id, ids]) => [id, [...ids]])),
  }
}

/** Nobody forges anything here, so whatever is logged as a forgery or is a bug's own error breaks the schedule. */
function watchfulLog(trace: (line: string) => void, onWarning: (message: string) => void): Logger {
  return {
    info: (message) => {
      trace(`      info ${message}`)
    },
    warn: (message, details) => {
      onWarning(message)
      trace(`      warn ${message} ${JSON.stringify(details ?? {})}`)
    },
    error: (message, cause) => {
      trace(`      error ${message} ${String(cause)}`)
      requireHonest(message, cause)
      if (message === 'A request failed.') requireExplained(message, cause)
    },
  }
}
