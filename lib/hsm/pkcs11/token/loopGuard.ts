import { KmsError } from '../../../errors.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import { sharedMs, SharedSlowness } from '../library/sharedSlowness.ts'

/** Milliseconds of one piece of work in the event loop: whoever asks for anything else waits that long. */
const slowMs = 1_000
/** So much longer than that work the loop is left to others. */
const rest = 10
const longestRestMs = 60_000
const togetherMs = 60_000
/** Of one call off the loop, after which the token counts as fast: work in the loop has eight of them. */
const fastMs = slowMs / 8

/** What the work has taken is too much already: it was given up between two calls. */
export class TooSlow extends Error {}

/** Between two calls of one piece of work. @throws TooSlow */
export function requireInTime(now: number, until: number): void {
  if (now > until) throw new TooSlow()
}

/**
 * Keeps event loops from a token that is slow. Two slow works within a minute, the one after the other, which no pause of the
 * machine makes, and all threads together ask the token in theirs for a tenth of the time at most. In between callers get 503, and it is tried off the loop: once that was
 * fast it is asked as ever. A fast work says nothing: it may have asked the library for what costs it nothing.
 */
export class LoopGuard {
  readonly #label: string
  readonly #module: Pick<Pkcs11Module, 'now' | 'slow'>
  readonly #trial: () => Promise<unknown>
  readonly #shared: SharedSlowness
  #isTrying = false
  #lastSlow = -Infinity
  #notBefore = -Infinity

  /** `trial`: one call off the loop. */
  constructor(label: string, module: Pick<Pkcs11Module, 'now' | 'slow'>, trial: () => Promise<unknown>) {
    this.#label = label
    this.#module = module
    this.#trial = trial
    this.#shared = new SharedSlowness(module.slow, label)
  }

  isResting(): boolean {
    return this.#module.now() < this.#restsUntil()
  }

  /** @throws KmsError unavailable while it rests. */
  requireRested(): void {
    if (!this.isResting()) return
    if (!this.#isTrying) void this.#try()
    throw this.tooSlow()
  }

  async #try(): Promise<void> {
    this.#isTrying = true
    const began = this.#module.now()
    try {
      await this.#trial()
      if (this.#module.now() - began < fastMs) this.#forget()
    } catch {
      // It rests on; whoever uses it afterwards is told what is the matter.
    } finally {
      this.#isTrying = false
    }
  }

  /** Until when the work is in time. */
  begin(): number {
    return this.#module.now() + slowMs
  }

  /** Of work that was to be over by then. */
  end(until: number): void {
    const now = this.#module.now()
    if (now < until) return
    const took = now - until + slowMs
    const began = now - took
    // Two that were under way at one time may be slow by one pause of the machine.
    const isNext = (last: number, withinMs: number) => began >= last && began - last < withinMs
    if (isNext(this.#lastSlow, togetherMs) || isNext(this.#shared.lastSlow, togetherMs - sharedMs)) {
      this.#notBefore = now + Math.min(took * rest, longestRestMs)
      this.#shared.noteRest(this.#notBefore)
    }
    this.#lastSlow = now
    this.#shared.noteSlow(now)
  }

  #restsUntil(): number {
    return Math.max(this.#notBefore, this.#shared.restUntil)
  }

  #forget(): void {
    this.#lastSlow = -Infinity
    this.#notBefore = -Infinity
    this.#shared.forget()
  }

  tooSlow(): KmsError {
    const retryAfter = Math.max(1, Math.ceil((this.#restsUntil() - this.#module.now()) / 1000))
    return new KmsError('unavailable', `The HSM answers too slowly (token ${this.#label}); try again later.`, {
      retryAfter: this.isResting() ? retryAfter : 1,
    })
  }
}
