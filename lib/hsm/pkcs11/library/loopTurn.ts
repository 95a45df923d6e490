/** Milliseconds of one turn of an event loop: whoever asks for anything else waits that long. */
export const turnMs = 1_000
/** Of a call, on average: a turn that took long by calls that take less took it by their number, which is load. */
const loadMsACall = 2
const slowMsACall = 25

/** What the turn has taken is too much already: the work was given up between two calls. */
export class TooSlow extends Error {}

export interface SlowTurn {
  /** Of its first work, and the end of its last. Milliseconds, as the library counts them. */
  readonly began: number
  readonly ended: number
  /** Of all works together, and of their calls. */
  readonly ms: number
  readonly calls: number
}

/** A token whose works are counted. */
export interface Counted {
  readonly label: string
  /** A turn was slow by it a short while ago. */
  readonly isSuspect: () => boolean
  /** Told when a turn that was slow is over, of which this token has taken the most. */
  readonly noteTurn: (turn: SlowTurn) => void
}

/**
 * What works with the tokens of one library take of a turn of a thread's event loop, call by call. Where it is spent what comes
 * next is to be refused. The longest call does not count for that, unless the token is suspect: a machine that pauses once makes
 * one, and with a token that is slow that costs one call more.
 */
export class LoopTurn {
  readonly #now: () => number
  readonly #whenTurned: (over: () => void) => void
  readonly #shares = new Map<Counted, number>()
  #token: Counted | undefined
  #unhurried = 0
  #isBegun = false
  #began = 0
  #last = 0
  #ms = 0
  #longestMs = 0
  #calls = 0

  /** `now`: milliseconds. `whenTurned`: calls back once, after everything that is due in this turn. */
  constructor(now: () => number, whenTurned: (over: () => void) => void = setImmediate) {
    this.#now = now
    this.#whenTurned = whenTurned
  }

  get isCounting(): boolean {
    return this.#token !== undefined
  }

  /** The token that has taken the most of it. */
  get slowest(): Counted | undefined {
    let most: [Counted | undefined, number] = [undefined, 0]
    for (const each of this.#shares) if (each[1] > most[1]) most = each
    return most[0]
  }

  isSpent(token: Counted): boolean {
    return this.#ms >= turnMs && this.#isTooMuch(token.isSuspect() ? this.#ms : this.#ms - this.#longestMs)
  }

  /** Work within work counts as that. */
  count<R>(token: Counted, work: () => R): R {
    if (this.isCounting || this.#unhurried > 0) return work()
    this.#begin()
    return this.countFor(token, work)
  }

  /** Of what is counted, what takes its time by this token. */
  countFor<R>(token: Counted, work: () => R): R {
    const outer = this.#token
    if (outer !== undefined) this.#add(outer)
    this.#token = token
    try {
      return work()
    } finally {
      this.#add(token)
      this.#token = outer
    }
  }

  /** Within what is counted: it is no fault of a token that to connect, or to start the library anew, takes long. */
  uncounted<R>(work: () => R): R {
    const token = this.#token
    if (token === undefined) return work()
    this.#add(token)
    this.#token = undefined
    try {
      return work()
    } finally {
      this.#last = this.#now()
      this.#token = token
    }
  }

  /** Before each call. @throws TooSlow where the work may be given up there, and the turn is spent. */
  nextCall(mayGiveUp = false): void {
    if (this.#token === undefined) return
    this.#add(this.#token)
    if (mayGiveUp && this.isSpent(this.#token)) throw new TooSlow()
    this.#calls += 1
  }

  /** Resolves at once, or where the turn is spent when it is over: for one request that takes several. */
  async turned(): Promise<void> {
    if (!this.#isTooMuch(this.#ms)) return
    await new Promise<void>((resolve) => {
      this.#whenTurned(resolve)
    })
  }

  /** While nobody else is served: nothing is counted until the work is over. */
  async unhurried<R>(work: () => Promise<R>): Promise<R> {
    this.#unhurried += 1
    try {
      return await work()
    } finally {
      this.#unhurried -= 1
    }
  }

  #isTooMuch(ms: number): boolean {
    return ms >= turnMs && ms >= this.#calls * loadMsACall
  }

  #begin(): void {
    this.#last = this.#now()
    if (this.#isBegun) return
    this.#isBegun = true
    this.#began = this.#last
    this.#whenTurned(() => {
      this.#end()
    })
  }

  #add(token: Counted): void {
    const now = this.#now()
    const took = now - this.#last
    this.#last = now
    this.#ms += took
    if (took > this.#longestMs) this.#longestMs = took
    this.#shares.set(token, (this.#shares.get(token) ?? 0) + took)
  }

  #end(): void {
    const turn = { began: this.#began, ended: this.#last, ms: this.#ms, calls: this.#calls }
    const token = this.slowest
    this.#isBegun = false
    this.#ms = this.#longestMs = this.#calls = 0
    this.#shares.clear()
    if (turn.ms >= turnMs && turn.ms >= turn.calls * slowMsACall) token?.noteTurn(turn)
  }
}
