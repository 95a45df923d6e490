import { KmsError } from '../../../errors.ts'
import { turnMs, type SlowTurn } from '../library/loopTurn.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import { sharedMs, SharedSlowness } from '../library/sharedSlowness.ts'

/** So much longer than what was slow the loop is left to others. */
const rest = 10
const longestRestMs = 60_000
const togetherMs = 60_000
/** Of one call off the loop, after which the token counts as fast: an encryption has eight of them in it. */
const fastMs = turnMs / 8

type Library = Pick<Pkcs11Module, 'now' | 'slow' | 'turn'>

/**
 * Keeps event loops from a token that is slow. It judges what requests ask of it by the turn of the loop, all of them together
 * (LoopTurn), and everything else, which is done on purpose, piece by piece. Two slow ones within a minute, the one after the other,
 * which no pause of the machine makes, and all threads together ask the token in their loops for a tenth of the time at most. In
 * between callers get 503, and it is tried off the loop: once that was fast it is asked as ever. What was fast in the loop says
 * nothing: it may have asked the library for what costs it nothing.
 */
export class LoopGuard {
  readonly label: string
  readonly #library: Library
  readonly #trial: () => Promise<unknown>
  readonly #shared: SharedSlowness
  #isTrying = false
  #lastSlow = -Infinity
  #notBefore = -Infinity

  /** `trial`: one call off the loop. */
  constructor(label: string, library: Library, trial: () => Promise<unknown>) {
    this.label = label
    this.#library = library
    this.#trial = trial
    this.#shared = new SharedSlowness(library.slow, label)
  }

  isResting(): boolean {
    return this.#library.now() < this.#restsUntil()
  }

  /** @throws KmsError unavailable while it rests. */
  requireRested(): void {
    if (!this.isResting()) return
    if (!this.#isTrying) void this.#try()
    throw this.tooSlow()
  }

  /** Before what a request asks for. @throws KmsError unavailable where others have spent this turn of the loop. */
  requireTurn(): void {
    if (this.#library.turn.isSpent(this)) throw this.tooSlow()
  }

  /** What a request asks for counts into the turn. */
  inTurn<R>(work: () => R): R {
    return this.#library.turn.count(this, work)
  }

  /** What may spend a turn by itself: whatever the same request asks for next comes in another. @throws as `requireTurn` */
  async asRequest<R>(work: () => R): Promise<R> {
    this.requireTurn()
    const done = this.inTurn(work)
    await this.#library.turn.turned()
    return done
  }

  /** One piece in the loop. */
  piece<R>(work: () => R): R {
    const { turn } = this.#library
    if (turn.isCounting) return turn.countFor(this, work)
    const began = this.#library.now()
    try {
      return work()
    } finally {
      const ended = this.#library.now()
      if (ended - began >= turnMs) this.#noteSlow(began, ended, ended - began, fastMs)
    }
  }

  noteTurn({ began, ended, ms, calls }: SlowTurn): void {
    // One call that takes as long as those did is not fast, however many a turn could have of it.
    this.#noteSlow(began, ended, ms, Math.min(fastMs, ms / calls / 2))
  }

  #noteSlow(began: number, ended: number, took: number, fast: number): void {
    // Two that were under way at one time may be slow by one pause of the machine.
    const isNext = (last: number, withinMs: number) => began >= last && began - last < withinMs
    if (isNext(this.#lastSlow, togetherMs) || isNext(this.#shared.lastSlow, togetherMs - sharedMs)) {
      this.#notBefore = ended + Math.min(took * rest, longestRestMs)
      this.#shared.noteRest(this.#notBefore, fast)
    }
    this.#lastSlow = ended
    this.#shared.noteSlow(ended)
  }

  async #try(): Promise<void> {
    this.#isTrying = true
    const began = this.#library.now()
    try {
      await this.#trial()
      if (this.#library.now() - began < (this.#shared.fastMs ?? fastMs)) this.#forget()
    } catch {
      // It rests on; whoever uses it afterwards is told what is the matter.
    } finally {
      this.#isTrying = false
    }
  }

  isSuspect(): boolean {
    return this.#library.now() - Math.max(this.#lastSlow, this.#shared.lastSlow) < togetherMs
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
    const isResting = this.isResting()
    const retryAfter = Math.max(1, Math.ceil((this.#restsUntil() - this.#library.now()) / 1000))
    const { label } = isResting ? this : (this.#library.turn.slowest ?? this)
    return new KmsError('unavailable', `The HSM answers too slowly (token ${label}); try again later.`, {
      retryAfter: isResting ? retryAfter : 1,
    })
  }
}
