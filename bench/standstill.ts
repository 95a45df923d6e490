/** The longest time that an event loop did not come round, ms; and the longest that it computed without coming round. */
export interface StoodStill {
  readonly wall: number
  /** Less than `wall` where the thread waited for a core: on a busy machine that is nearly all of it. */
  readonly computing: number
}

/** Looks each millisecond, until `take`. */
export class Standstill {
  readonly #timer: NodeJS.Timeout
  #at = performance.now()
  #cpu = process.threadCpuUsage()
  #worst: StoodStill = { wall: 0, computing: 0 }

  constructor() {
    this.#timer = setInterval(() => {
      this.#look()
    }, 1)
    this.#timer.unref()
  }

  /** What was worst since it was made or last taken. */
  take(): StoodStill {
    this.#look()
    const worst = this.#worst
    this.#worst = { wall: 0, computing: 0 }
    return worst
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = performance.now()
    const { user, system } = process.threadCpuUsage(this.#cpu)
    const { wall, computing } = this.#worst
    this.#worst = { wall: Math.max(wall, now - this.#at), computing: Math.max(computing, (user + system) / 1000) }
    this.#at = now
    this.#cpu = process.threadCpuUsage()
  }
}
