import { hash } from 'node:crypto'
import { KmsError } from '../../../errors.ts'

/** Words that all threads of a process have of one library. */
const restarting = 0
const restarted = 1
const down = 2
const loggingIn = 3
/** Which token a thread does not see, of the library as it was started last; 0: none. */
const missed = 4
/** The highest number of a thread that there was. */
const lastThread = 5
const firstThread = 6
const maxThreads = 257

/** How long a thread waits that comes while the library is started anew; that itself waits for others so long, and gives up. */
const enterMs = 2_000
const emptyMs = 250
/** A login of one thread, as another waits for it. */
const loginMs = 5_000

export type GateWords = Int32Array

/**
 * Who is in a library, of all threads of a process: many at a time, or the one that starts it anew. A thread that is in may
 * enter again, so that whoever empties the library waits for nobody who waits for him. Thread 0 alone starts it anew.
 */
export class LibraryGate {
  readonly words: GateWords
  readonly thread: number
  readonly #own: number
  /** How often this thread is in, on its stack and with calls that are not over. */
  #inside = 0

  constructor(words: GateWords = newWords(), thread = 0) {
    this.words = words
    this.thread = thread
    this.#own = firstThread + thread
  }

  /** How often the library was started anew: numbers of sessions and objects hold in between only. */
  get restarts(): number {
    return Atomics.load(this.words, restarted)
  }

  /** False where it was started anew and did not start: its tokens' place may be away for a while. */
  get isUp(): boolean {
    return Atomics.load(this.words, down) === 0
  }

  set isUp(isUp: boolean) {
    Atomics.store(this.words, down, isUp ? 0 : 1)
  }

  /** How many use the library, or have used it. */
  get threads(): number {
    return Atomics.load(this.words, lastThread) + 1
  }

  /** In thread 0: another is given the library. */
  admit(thread: number): void {
    Atomics.store(this.words, lastThread, Math.max(Atomics.load(this.words, lastThread), thread))
  }

  get isInside(): boolean {
    return this.#inside > 0
  }

  /** @throws KmsError unavailable where the library is being started anew and that does not end. */
  hold<R>(work: () => R): R {
    this.#enter()
    try {
      return work()
    } finally {
      this.#leave()
    }
  }

  /** Until the work is over. While somebody waits for the library to be empty nothing new of this kind begins. */
  async holdLong<R>(work: () => Promise<R>): Promise<R> {
    const until = Date.now() + enterMs
    while (Atomics.load(this.words, restarting) !== 0) {
      const waited = Atomics.waitAsync(this.words, restarting, 1, Math.max(0, until - Date.now()))
      if ((await waited.value) === 'timed-out') throw beingStarted()
    }
    return this.holdUntil(work)
  }

  /** The same for what is part of something that is in already: it waits for nobody, lest that never end. */
  async holdUntil<R>(work: () => Promise<R>): Promise<R> {
    this.#enter()
    try {
      return await work()
    } finally {
      this.#leave()
    }
  }

  /** Without anybody else in the library. False, and nothing is done, where it does not become empty soon. */
  alone(work: () => void): boolean {
    if (this.#inside > 0) return false
    Atomics.store(this.words, restarting, 1)
    try {
      if (!this.#isEmptied()) return false
      this.#inside += 1
      try {
        work()
      } finally {
        this.#inside -= 1
      }
      return true
    } finally {
      Atomics.store(this.words, restarting, 0)
      Atomics.notify(this.words, restarting)
    }
  }

  /** Whatever was opened before is void from here on. Inside `alone`. */
  countRestart(): void {
    Atomics.store(this.words, missed, 0)
    Atomics.add(this.words, restarted, 1)
  }

  /** A token that this thread does not see while it is in the library. One that does not start it anew has no other way to have that done. */
  miss(label: string): void {
    Atomics.store(this.words, missed, markOf(label))
  }

  /** By any thread, and the library was not started anew since. */
  isMissed(label: string): boolean {
    return Atomics.load(this.words, missed) === markOf(label)
  }

  /** One thread at a time: of a PIN that is refused the others learn before they would try it. */
  whileLoggingIn<R>(work: () => R): R {
    const until = Date.now() + loginMs
    const mine = this.thread + 1
    for (;;) {
      const other = Atomics.compareExchange(this.words, loggingIn, 0, mine)
      if (other === 0) break
      const waited = Atomics.wait(this.words, loggingIn, other, Math.max(0, until - Date.now()))
      if (waited === 'timed-out') throw beingStarted()
    }
    try {
      return work()
    } finally {
      Atomics.store(this.words, loggingIn, 0)
      Atomics.notify(this.words, loggingIn)
    }
  }

  /** Of a thread that is gone: whatever it was at when it ended. */
  forget(thread: number): void {
    Atomics.store(this.words, firstThread + thread, 0)
    Atomics.notify(this.words, firstThread + thread)
    if (Atomics.compareExchange(this.words, loggingIn, thread + 1, 0) === thread + 1) {
      Atomics.notify(this.words, loggingIn)
    }
  }

  #enter(): void {
    if (this.#inside === 0) this.#comeIn()
    this.#inside += 1
  }

  /** INVARIANT: one's own word is set before the other's is read, here and in `alone`: of two one sees the other. */
  #comeIn(): void {
    const until = Date.now() + enterMs
    for (;;) {
      Atomics.store(this.words, this.#own, 1)
      if (Atomics.load(this.words, restarting) === 0) return
      this.#goOut()
      if (Atomics.wait(this.words, restarting, 1, Math.max(0, until - Date.now())) === 'timed-out') throw beingStarted()
    }
  }

  #leave(): void {
    this.#inside -= 1
    if (this.#inside === 0) this.#goOut()
  }

  #goOut(): void {
    Atomics.store(this.words, this.#own, 0)
    // Whoever empties the library says so before it looks who is in.
    if (Atomics.load(this.words, restarting) !== 0) Atomics.notify(this.words, this.#own)
  }

  #isEmptied(): boolean {
    const until = Date.now() + emptyMs
    for (let word = firstThread; word < this.words.length; word += 1) {
      while (Atomics.load(this.words, word) !== 0) {
        if (Atomics.wait(this.words, word, 1, Math.max(0, until - Date.now())) === 'timed-out') return false
      }
    }
    return true
  }
}

/** Never 0. */
function markOf(label: string): number {
  return hash('sha256', label, 'buffer').readInt32LE() | 1
}

function newWords(): GateWords {
  return new Int32Array(new SharedArrayBuffer((firstThread + maxThreads) * Int32Array.BYTES_PER_ELEMENT))
}

function beingStarted(): KmsError {
  return new KmsError('unavailable', 'The HSM’s library is being started anew; try again.', { retryAfter: 1 })
}
