/** How many a thread may have open of which its region knows; what it opens beyond stays open where it dies. */
const maxKnown = 4_096

export type SessionWords = BigInt64Array

/**
 * A thread's open sessions, in memory that outlives it, so that whoever finds it gone closes them with all that is in them.
 * They hold until the library is started anew: how often that was stands before them.
 */
export class OpenSessions {
  readonly #words: SessionWords
  readonly #restarts: () => number

  constructor(words: SessionWords, restarts: () => number) {
    this.#words = words
    this.#restarts = restarts
  }

  opened(handle: number): void {
    const restarts = BigInt(this.#restarts())
    if (this.#words[0] !== restarts) this.#words.fill(0n)
    this.#words[0] = restarts
    const place = this.#words.indexOf(0n, 1)
    if (place !== -1) this.#words[place] = BigInt(handle)
  }

  /** Before it is closed: a number that is closed may be another thread's soon. */
  closing(handle: number): void {
    const place = this.#words.indexOf(BigInt(handle), 1)
    if (place !== -1) this.#words[place] = 0n
  }

  all(): readonly number[] {
    if (this.#words[0] !== BigInt(this.#restarts())) return []
    return Array.from(this.#words.subarray(1), Number).filter((handle) => handle !== 0)
  }
}

export function sessionWords(): SessionWords {
  return new BigInt64Array(new SharedArrayBuffer((1 + maxKnown) * BigInt64Array.BYTES_PER_ELEMENT))
}
