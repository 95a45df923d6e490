/** Lets messages of other regions be stored, or has them wait, so that copies of all regions show one moment. */
export class InboxGate {
  #opened: Promise<void> | undefined
  #open: () => void = () => undefined
  #passing = 0
  #left: () => void = () => undefined

  /** Whether messages wait. */
  get isHeld(): boolean {
    return this.#opened !== undefined
  }

  async pass<T>(store: () => Promise<T>): Promise<T> {
    while (this.#opened !== undefined) await this.#opened
    this.#passing += 1
    try {
      return await store()
    } finally {
      this.#passing -= 1
      if (this.#passing === 0) this.#left()
    }
  }

  /** Resolves when none is being stored any more; from then on none is until `release`. */
  async hold(): Promise<void> {
    this.#opened ??= new Promise((resolve) => {
      this.#open = resolve
    })
    if (this.#passing === 0) return
    await new Promise<void>((resolve) => {
      const before = this.#left
      this.#left = () => {
        before()
        resolve()
      }
    })
  }

  release(): void {
    this.#opened = undefined
    this.#left = () => undefined
    this.#open()
  }
}
