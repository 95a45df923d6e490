import { KmsError } from '../../../errors.ts'

/** Of one piece of work. Making an RSA-4096 key takes many seconds on a machine that is busy, and nothing takes longer. */
const longestMs = 60_000
const retryAfterSeconds = 10

/** Does it so many milliseconds later, unless what it answers is called before. */
export type After = (ms: number, then: () => void) => () => void

export type Timed = <R>(work: () => Promise<R>) => Promise<R>

/**
 * What one thread has under way in a token off its event loop. A call into a library cannot be ended: once it has not come back for
 * a minute nobody waits for it any more, and the token is left alone until it does.
 */
export class WorkUnderWay {
  readonly #label: string
  readonly #onBack: () => void
  readonly #after: After
  #count = 0
  #late = 0

  /** `onBack`: all that was late is over, before its sessions go back to where they are kept. */
  constructor(label: string, onBack: () => void, after: After = afterTimer) {
    this.#label = label
    this.#onBack = onBack
    this.#after = after
  }

  /** Of all connections, also those that are lost. */
  get count(): number {
    return this.#count
  }

  get isLate(): boolean {
    return this.#late > 0
  }

  /** @throws KmsError unavailable */
  requireNoneLate(): void {
    if (this.isLate) throw this.#isLate()
  }

  /** `work` is given by what it times the part of it that may be late. @throws KmsError unavailable once that is, whatever becomes of it. */
  async bounded<R>(work: (timed: Timed) => Promise<R>): Promise<R> {
    this.requireNoneLate()
    const late = Promise.withResolvers<never>()
    return Promise.race([work((part) => this.#timed(part, late.reject)), late.promise])
  }

  async #timed<R>(work: () => Promise<R>, refuse: (cause: Error) => void): Promise<R> {
    const at = { isLate: false }
    const cancel = this.#after(longestMs, () => {
      at.isLate = true
      this.#late += 1
      refuse(this.#isLate())
    })
    this.#count += 1
    try {
      return await work()
    } finally {
      this.#count -= 1
      cancel()
      if (at.isLate) this.#isBack()
    }
  }

  #isBack(): void {
    this.#late -= 1
    if (this.#late === 0) this.#onBack()
  }

  #isLate(): KmsError {
    return new KmsError(
      'unavailable',
      `The HSM does not answer (token ${this.#label}): a call has not come back for a minute; try again later.`,
      { retryAfter: retryAfterSeconds },
    )
  }
}

function afterTimer(ms: number, then: () => void): () => void {
  const timer = setTimeout(then, ms).unref()
  return () => {
    clearTimeout(timer)
  }
}
