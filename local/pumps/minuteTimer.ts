/** Calls a function at once and then every minute, never twice at a time, as a scheduled event does. */
export class MinuteTimer {
  readonly #work: () => Promise<void>
  readonly #onError: (cause: unknown) => void
  readonly #interval: NodeJS.Timeout
  #running: Promise<void> | undefined

  constructor(work: () => Promise<void>, onError: (cause: unknown) => void) {
    this.#work = work
    this.#onError = onError
    this.#interval = setInterval(() => {
      this.#tick()
    }, 60_000).unref()
    this.#tick()
  }

  get isIdle(): boolean {
    return this.#running === undefined
  }

  /** Does the work once more, after what is under way. Never rejects. */
  async tickNow(): Promise<void> {
    await this.#running
    this.#tick()
    await this.#running
  }

  async stop(): Promise<void> {
    clearInterval(this.#interval)
    await this.#running
  }

  #tick(): void {
    this.#running ??= this.#work()
      .catch(this.#onError)
      .finally(() => {
        this.#running = undefined
      })
  }
}
