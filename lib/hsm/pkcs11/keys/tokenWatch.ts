import { setImmediate } from 'node:timers/promises'
import type { VaultToken } from '../roots/regionToken.ts'
import { requireProofOnThread } from './tokenProof.ts'

const everyMs = 1_000

/** Asks tokens that nobody may be using whether they compute: one at a time and off the event loop, for there may be dozens. */
export class TokenWatch {
  /** Those whose last proof failed, whatever the token says of its connection. */
  readonly #failed = new WeakSet<VaultToken>()
  #asking: Promise<void> | undefined
  readonly #now: () => number
  #askedAt = -Infinity
  #isEnded = false

  /** `now`: milliseconds. */
  constructor(now: () => number) {
    this.#now = now
  }

  /** It did not answer when it was needed or asked last. */
  isSuspect(token: VaultToken): boolean {
    return token.isAway || this.#failed.has(token)
  }

  /** Once a second at most, and never twice at a time; resolves when what is under way has ended. Never rejects. */
  ask(labels: readonly string[], tokenOf: (label: string) => VaultToken | undefined): Promise<void> {
    const isDue = Math.abs(this.#now() - this.#askedAt) >= everyMs
    if (this.#asking === undefined && isDue && !this.#isEnded) {
      this.#askedAt = this.#now()
      this.#asking = this.#askAll(labels, tokenOf).finally(() => {
        this.#asking = undefined
      })
    }
    return this.#asking ?? Promise.resolve()
  }

  end(): void {
    this.#isEnded = true
  }

  async #askAll(labels: readonly string[], tokenOf: (label: string) => VaultToken | undefined): Promise<void> {
    for (const label of labels) {
      await setImmediate()
      const token = this.#isEnded ? undefined : tokenOf(label)
      if (token !== undefined) await this.#askOne(token)
    }
  }

  async #askOne(token: VaultToken): Promise<void> {
    try {
      await requireProofOnThread(token)
      this.#failed.delete(token)
    } catch {
      // Whoever asks for the region's health asks it once more, and says it where that fails, too.
      this.#failed.add(token)
    }
  }
}
