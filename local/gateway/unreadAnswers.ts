import type { ServerResponse } from 'node:http'
import type { Timers } from '../../lib/ports.ts'
import { systemTimers } from '../../lib/runtime/systemTimers.ts'

interface Unread {
  readonly bytes: number
  /** Until then it must be read. */
  readonly until: number
}

interface Limits {
  readonly maxBytes: number
  readonly maxMs: number
}

interface Time {
  readonly timers: Pick<Timers, 'after'>
  /** Milliseconds since some moment. */
  readonly now: () => number
}

/**
 * Answers that their callers have not taken yet. Together they hold so much memory and no more: beyond that, whoever has
 * been given the longest time to read loses the connection, and so does whoever takes longer than `maxMs`.
 */
export class UnreadAnswers {
  readonly #limits: Limits
  readonly #time: Time
  /** In the order of their writing. */
  readonly #unread = new Map<ServerResponse, Unread>()
  #bytes = 0
  /** One for all of them: nearly every answer is read long before it rings. */
  #isWatched = false

  constructor(limits: Limits, time: Time = { timers: systemTimers, now: () => performance.now() }) {
    this.#limits = limits
    this.#time = time
  }

  add(response: ServerResponse, bytes: number): void {
    // Whoever has gone holds nothing, and says so no more.
    if (response.destroyed) return
    const { maxBytes, maxMs } = this.#limits
    this.#unread.set(response, { bytes, until: this.#time.now() + maxMs })
    this.#bytes += bytes
    // Comes once, when it is read or its connection is gone.
    response.on('close', () => {
      this.#drop(response)
    })
    if (!this.#isWatched) this.#dropLateIn(maxMs)
    for (const oldest of this.#unread.keys()) {
      if (this.#bytes <= maxBytes || oldest === response) return
      this.#drop(oldest)
      oldest.destroy()
    }
  }

  /** Then it is the oldest one's time; those after it are looked at when theirs comes. */
  #dropLateIn(ms: number): void {
    this.#isWatched = true
    this.#time.timers.after(ms, () => {
      this.#isWatched = false
      for (const [response, { until }] of this.#unread) {
        const left = until - this.#time.now()
        if (left > 0) {
          this.#dropLateIn(left)
          return
        }
        this.#drop(response)
        response.destroy()
      }
    })
  }

  #drop(response: ServerResponse): void {
    this.#bytes -= this.#unread.get(response)?.bytes ?? 0
    this.#unread.delete(response)
  }
}
