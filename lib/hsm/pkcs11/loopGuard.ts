import { KmsError } from '../../errors.ts'

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
 * Keeps the event loop from a token that is slow. Two slow works within a minute, which no pause of the machine makes, and the
 * token is asked in it for a tenth of the time at most. In between callers get 503, and it is tried off the loop: once that was
 * fast it is asked as ever. A fast work says nothing: it may have asked the library for what costs it nothing.
 */
export class LoopGuard {
  readonly #label: string
  readonly #now: () => number
  readonly #trial: () => Promise<unknown>
  #isTrying = false
  #lastSlow = -Infinity
  #notBefore = -Infinity

  /** `now`: milliseconds, from anywhere on. `trial`: one call off the loop. */
  constructor(label: string, now: () => number, trial: () => Promise<unknown>) {
    this.#label = label
    this.#now = now
    this.#trial = trial
  }

  isResting(): boolean {
    return this.#now() < this.#notBefore
  }

  /** @throws KmsError unavailable while it rests. */
  requireRested(): void {
    if (!this.isResting()) return
    if (!this.#isTrying) void this.#try()
    throw this.tooSlow()
  }

  async #try(): Promise<void> {
    this.#isTrying = true
    const began = this.#now()
    try {
      await this.#trial()
      if (this.#now() - began < fastMs) this.#forget()
    } catch {
      // It rests on; whoever uses it afterwards is told what is the matter.
    } finally {
      this.#isTrying = false
    }
  }

  /** Until when the work is in time. */
  begin(): number {
    return this.#now() + slowMs
  }

  /** Of work that was to be over by then. */
  end(until: number): void {
    const now = this.#now()
    if (now < until) return
    const took = now - until + slowMs
    if (now - took - this.#lastSlow < togetherMs) this.#notBefore = now + Math.min(took * rest, longestRestMs)
    this.#lastSlow = now
  }

  #forget(): void {
    this.#lastSlow = -Infinity
    this.#notBefore = -Infinity
  }

  tooSlow(): KmsError {
    const retryAfter = Math.max(1, Math.ceil((this.#notBefore - this.#now()) / 1000))
    return new KmsError('unavailable', `The HSM answers too slowly (token ${this.#label}); try again later.`, {
      retryAfter: this.isResting() ? retryAfter : 1,
    })
  }
}
