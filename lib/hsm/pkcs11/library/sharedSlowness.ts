import { hash } from 'node:crypto'

/** How many tokens may have been slow in the life of a process; what more are is known to each thread by itself. */
const maxTokens = 256
/** Of each: a mark of its label; the second in which its last slow work was over, the next one if in the middle; until which it rests; milliseconds below which one call is fast again. */
const fields = 4
const [lastSlow, restUntil, fastMs] = [1, 2, 3]

export type SlowWords = Int32Array

/** How exact that is. Words of 32 bits count seconds for 68 years. */
export const sharedMs = 1_000

export function slowWords(): SlowWords {
  return new Int32Array(new SharedArrayBuffer(maxTokens * fields * Int32Array.BYTES_PER_ELEMENT))
}

/**
 * What one thread of a process found out of a token that is slow, for the others, which would each find it out by calls that
 * hold up their event loops. In seconds of a clock that all threads have; a thread knows its own works exactly.
 */
export class SharedSlowness {
  readonly #words: SlowWords
  readonly #mark: number
  #place = -1

  constructor(words: SlowWords, label: string) {
    this.#words = words
    // Never 0, which is a place that is free.
    this.#mark = hash('sha256', label, 'buffer').readInt32LE() | 1
  }

  /** Milliseconds; -Infinity where nobody knows of any. */
  get lastSlow(): number {
    return this.#at(lastSlow)
  }

  get restUntil(): number {
    return this.#at(restUntil)
  }

  /** Undefined where there is no room for it. */
  get fastMs(): number | undefined {
    return this.#word(fastMs) || undefined
  }

  noteSlow(now: number): void {
    this.#set(lastSlow, Math.ceil(now / sharedMs))
  }

  noteRest(until: number, fast: number): void {
    this.#set(fastMs, Math.ceil(fast))
    this.#set(restUntil, Math.floor(until / sharedMs))
  }

  forget(): void {
    if (this.#found() < 0) return
    this.#set(lastSlow, 0)
    this.#set(restUntil, 0)
  }

  #at(field: number): number {
    const second = this.#word(field)
    return second === 0 ? -Infinity : second * sharedMs
  }

  #word(field: number): number {
    const place = this.#found()
    return place < 0 ? 0 : Atomics.load(this.#words, place + field)
  }

  #set(field: number, word: number): void {
    const place = this.#found(true)
    if (place >= 0) Atomics.store(this.#words, place + field, word)
  }

  /** Where the token stands. Whoever is the first to note something of it takes the first free place. */
  #found(isTaken = false): number {
    if (this.#place >= 0) return this.#place
    for (let place = 0; place < this.#words.length; place += fields) {
      const free = isTaken
        ? Atomics.compareExchange(this.#words, place, 0, this.#mark)
        : Atomics.load(this.#words, place)
      if (free === this.#mark || (isTaken && free === 0)) return (this.#place = place)
      if (free === 0) break
    }
    return -1
  }
}
