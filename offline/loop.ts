/** Runs a step again and again, one at a time, until it is stopped; a pause holds it before the next step. */
export class Loop {
  readonly #step: () => Promise<number>
  readonly #onError: (cause: unknown) => void
  #isStopped = false
  #isPaused = false
  #running: Promise<void> | undefined
  #wake: (() => void) | undefined

  /** `step` resolves with how long to wait for the next one, ms. */
  constructor(step: () => Promise<number>, onError: (cause: unknown) => void) {
    this.#step = step
    this.#onError = onError
    this.resume()
  }

  /** Resolves when no step is under way. */
  async pause(): Promise<void> {
    this.#isPaused = true
    this.#wake?.()
    await this.#running
  }

  resume(): void {
    this.#isPaused = false
    if (this.#isStopped || this.#running !== undefined) return
    this.#running = this.#run().finally(() => {
      this.#running = undefined
      if (!this.#isPaused) this.resume()
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.pause()
  }

  async #run(): Promise<void> {
    while (!this.#isPaused) {
      const waitMs = await this.#stepOnce()
      if (waitMs > 0) await this.#sleep(waitMs)
    }
  }

  async #stepOnce(): Promise<number> {
    try {
      return await this.#step()
    } catch (cause) {
      this.#onError(cause)
      return 1000
    }
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}
