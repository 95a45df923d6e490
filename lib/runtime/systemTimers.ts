import type { Timers } from '../ports.ts'

/** Node's own timers. */
export const systemTimers: Timers = {
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  after: (ms, work) => {
    const timer = setTimeout(work, ms).unref()
    return () => {
      clearTimeout(timer)
    }
  },
}
