import type { Timers } from '../../lib/ports.ts'
import type { SeededRandom } from './seededRandom.ts'

/** One run of a region's functions: what it waits for dies with it. */
export class Incarnation {
  isDead = false
  readonly #onDeath = new Set<() => void>()

  /** Returns the way to take it back. */
  onDeath(work: () => void): () => void {
    this.#onDeath.add(work)
    return () => this.#onDeath.delete(work)
  }

  die(): void {
    this.isDead = true
    for (const work of this.#onDeath) work()
    this.#onDeath.clear()
  }
}

export type CallKind = 'read' | 'write' | 'send' | 'hsm'

/** A call of a port that has not happened yet. Between two calls of one caller, whatever else waits may happen. */
export interface Call {
  readonly kind: CallKind
  /** What it asks, for a trace. */
  readonly label: () => string
  readonly region: string
  readonly by: Incarnation
  readonly effect: () => unknown
  readonly resolve: (value: never) => void
  readonly reject: (cause: unknown) => void
}

/** Whose calls are chosen how often: a heavy actor is quick, a light one slow. */
export class Actor {
  readonly name: string
  readonly weight: number
  readonly calls: Call[] = []
  /** Starts work where there is some: a batch of a queue, for example. False: there is nothing to do now. */
  readonly poll: (() => boolean) | undefined

  constructor(name: string, weight: number, poll?: () => boolean) {
    this.name = name
    this.weight = weight
    this.poll = poll
  }
}

/** What becomes of a chosen call: as a rule its effect and its answer; a fault may take either away. */
export type Fate = { readonly isDone: boolean; readonly fails?: Error }

interface Timer {
  readonly at: number
  readonly work: () => void
}

const startMs = Date.UTC(2026, 5, 1, 12)

/**
 * Decides, call by call, what happens next. One step is one effect of a port; then whoever waited for it runs until it
 * waits again. Nothing else is asynchronous here, so seed and plan decide everything.
 */
export class Scheduler {
  now = startMs
  steps = 0
  /** Decides over the next call; undefined: done as asked. */
  fateOf: (call: Call) => Fate | undefined = () => undefined
  /** Called before every step. */
  onStep: () => void = () => undefined
  trace: ((line: string) => void) | undefined
  /** When something becomes possible by time alone, apart from timers: the earliest, or undefined. */
  nextWake: () => number | undefined = () => undefined
  readonly #random: SeededRandom
  readonly #actors: Actor[] = []
  #totalWeight = 0
  #current: Actor
  #timers: Timer[] = []
  #waiting = 0
  #failure: Error | undefined

  constructor(random: SeededRandom) {
    this.#random = random
    this.#current = this.actor('nobody', 1)
  }

  actor(name: string, weight: number, poll?: () => boolean): Actor {
    const actor = new Actor(name, weight, poll)
    this.#actors.push(actor)
    this.#totalWeight += weight
    return actor
  }

  call<T>(by: Incarnation, region: string, kind: CallKind, label: () => string, effect: () => T): Promise<T> {
    if (by.isDead) return new Promise(() => undefined)
    return new Promise<T>((resolve, reject) => {
      this.#current.calls.push({ kind, label, region, by, effect, resolve, reject })
      this.#waiting += 1
    })
  }

  /** As `call`, after so many milliseconds. */
  later<T>(
    ms: number,
    by: Incarnation,
    region: string,
    kind: CallKind,
    label: () => string,
    effect: () => T,
  ): Promise<T> {
    if (ms === 0) return this.call(by, region, kind, label, effect)
    const actor = this.#current
    return new Promise<T>((resolve, reject) => {
      this.#setTimer(ms, () => {
        if (by.isDead) return
        actor.calls.push({ kind, label, region, by, effect, resolve, reject })
        this.#waiting += 1
      })
    })
  }

  timers(by: Incarnation, region: string): Timers {
    return {
      sleep: (ms) => this.later(Math.max(1, Math.ceil(ms)), by, region, 'read', sleeping, () => undefined),
      after: (ms, work) => {
        const actor = this.#current
        let isOff = false
        this.#setTimer(ms, () => {
          if (isOff || by.isDead) return
          this.#current = actor
          work()
        })
        return () => {
          isOff = true
        }
      },
    }
  }

  /** Runs work as an actor; an error that it throws ends the run. */
  spawn(actor: Actor, work: () => Promise<void>): void {
    const before = this.#current
    this.#current = actor
    work().catch((cause: unknown) => {
      this.#failure ??= asError(cause)
    })
    this.#current = before
  }

  /** Takes a dead incarnation's calls away; `happens` says which of them still had their effect. */
  drop(dead: Incarnation, happens: (call: Call) => boolean): void {
    for (const actor of this.#actors) {
      for (let index = actor.calls.length - 1; index >= 0; index -= 1) {
        const call = actor.calls[index]
        if (call?.by !== dead) continue
        actor.calls.splice(index, 1)
        this.#waiting -= 1
        if (call.kind !== 'read' && happens(call)) quietly(call.effect)
      }
    }
  }

  /** Steps until `isDone`, or until nothing can happen any more. */
  run(isDone: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      // A tick that a microtask asks for comes when no microtask is left: only then is the step before it whole.
      const next = () => {
        process.nextTick(step)
      }
      const step = () => {
        try {
          const goesOn = this.#failure === undefined && !isDone() && this.#step()
          if (this.#failure !== undefined) throw this.#failure
          if (goesOn) queueMicrotask(next)
          else resolve()
        } catch (cause) {
          reject(asError(cause))
        }
      }
      queueMicrotask(next)
    })
  }

  #step(): boolean {
    this.onStep()
    this.now += this.#random.below(3)
    if (this.#timers.length > 0) this.#fireDue()
    for (let attempt = 0; attempt < 8; attempt += 1) if (this.#tryOne(this.#choose())) return true
    for (const actor of this.#actors) if (this.#tryOne(actor)) return true
    return this.#wake()
  }

  #choose(): Actor | undefined {
    let point = this.#random.next() * this.#totalWeight
    for (const actor of this.#actors) {
      point -= actor.weight
      if (point < 0) return actor
    }
    return this.#actors[0]
  }

  #tryOne(actor: Actor | undefined): boolean {
    if (actor === undefined) return false
    const { calls } = actor
    if (calls.length > 0) {
      const index = calls.length === 1 ? 0 : this.#random.below(calls.length)
      const call = calls[index]
      const last = calls.pop()
      if (call === undefined || last === undefined) return false
      if (index < calls.length) calls[index] = last
      this.#waiting -= 1
      this.#perform(actor, call)
      return true
    }
    if (actor.poll?.() !== true) return false
    this.#count(actor, 'begins', nothing)
    return true
  }

  #perform(actor: Actor, call: Call): void {
    this.#count(actor, call.kind, call.label)
    this.#current = actor
    const fate = this.fateOf(call)
    if (fate !== undefined) this.trace?.(`      … ${fate.isDone ? 'done' : 'not done'}, ${String(fate.fails?.message)}`)
    try {
      const value = fate?.isDone === false ? undefined : call.effect()
      if (call.kind === 'write') this.trace?.(`      = ${JSON.stringify(value)}`)
      if (fate?.fails === undefined) call.resolve(value as never)
      else call.reject(fate.fails)
    } catch (cause) {
      call.reject(fate?.fails ?? cause)
    }
  }

  #count(actor: Actor, kind: string, label: () => string): void {
    this.steps += 1
    this.trace?.(`${String(this.steps).padStart(5)} ${actor.name}: ${kind} ${short(label())}`)
  }

  #setTimer(ms: number, work: () => void): void {
    this.#timers.push({ at: this.now + ms, work })
  }

  #fireDue(): void {
    const due = this.#timers.filter(({ at }) => at <= this.now)
    if (due.length === 0) return
    this.#timers = this.#timers.filter(({ at }) => at > this.now)
    for (const { work } of due.sort((a, b) => a.at - b.at)) work()
  }

  /** Nothing is possible now: time passes until something is. */
  #wake(): boolean {
    if (this.#waiting > 0) throw new Error('A call waits and is not chosen.')
    const timer = Math.min(...this.#timers.map(({ at }) => at))
    const at = Math.min(timer, this.nextWake() ?? Infinity)
    if (at === Infinity) return false
    this.now = Math.max(this.now + 1, at)
    this.steps += 1
    return true
  }
}

/** An OCID by its kind and its last characters. */
function short(text: string): string {
  return text.replace(/ocid1\.([a-z]+)\.[a-z0-9.-]*([a-z0-9]{4})/g, '$1…$2')
}

const sleeping = () => 'sleep'
const nothing = () => ''

function asError(cause: unknown): Error {
  return Error.isError(cause) ? cause : new Error(String(cause))
}

function quietly(effect: () => unknown): void {
  try {
    effect()
  } catch {
    // Nobody is there any more to be told.
  }
}
