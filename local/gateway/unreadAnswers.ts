import type { ServerResponse } from 'node:http'

interface Unread {
  readonly bytes: number
  /** Until then it must be read, on the clock of `performance.now()`. */
  readonly until: number
}

/**
 * Answers that their callers have not taken yet. Together they hold so much memory and no more: beyond that, whoever has
 * been given the longest time to read loses the connection, and so does whoever takes longer than `maxMs`.
 */
export class UnreadAnswers {
  readonly #limits: { readonly maxBytes: number; readonly maxMs: number }
  /** In the order of their writing. */
  readonly #unread = new Map<ServerResponse, Unread>()
  #bytes = 0
  /** One for all of them: nearly every answer is read long before it rings. */
  #timer: NodeJS.Timeout | undefined

  constructor(limits: { readonly maxBytes: number; readonly maxMs: number }) {
    this.#limits = limits
  }

  add(response: ServerResponse, bytes: number): void {
    const { maxBytes, maxMs } = this.#limits
    this.#unread.set(response, { bytes, until: performance.now() + maxMs })
    this.#bytes += bytes
    // Comes once, when it is read or its connection is gone.
    response.on('close', () => {
      this.#drop(response)
    })
    if (this.#timer === undefined) this.#timer = this.#dropLateIn(maxMs)
    for (const oldest of this.#unread.keys()) {
      if (this.#bytes <= maxBytes || oldest === response) return
      this.#drop(oldest)
      oldest.destroy()
    }
  }

  /** Of the oldest one: those after it have as long as it had. */
  #dropLateIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => {
      this.#timer = undefined
      for (const [response, { until }] of this.#unread) {
        const left = until - performance.now()
        if (left > 0) {
          this.#timer = this.#dropLateIn(left)
          return
        }
        this.#drop(response)
        response.destroy()
      }
    }, ms).unref()
  }

  #drop(response: ServerResponse): void {
    this.#bytes -= this.#unread.get(response)?.bytes ?? 0
    this.#unread.delete(response)
  }
}
