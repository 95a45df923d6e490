import { monitorEventLoopDelay } from 'node:perf_hooks'

const resolution = 20

/** By how much a timer of this thread was late, beyond its own step. */
export class LoopDelay {
  readonly #histogram = monitorEventLoopDelay({ resolution })

  constructor() {
    this.#histogram.enable()
  }

  /** Seconds, since the last time that this was asked; 0 where nothing was measured. */
  take(): Readonly<Record<'0.5' | '0.99' | '1', number>> {
    const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - resolution / 1000)
    const isEmpty = this.#histogram.count === 0
    const taken = {
      '0.5': isEmpty ? 0 : late(this.#histogram.percentile(50)),
      '0.99': isEmpty ? 0 : late(this.#histogram.percentile(99)),
      '1': isEmpty ? 0 : late(this.#histogram.max),
    }
    this.#histogram.reset()
    return taken
  }

  close(): void {
    this.#histogram.disable()
  }
}
