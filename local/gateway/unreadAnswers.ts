import type { ServerResponse } from 'node:http'

/**
 * Answers that their callers have not taken yet. Together they hold so much memory and no more: beyond that, whoever has
 * been given the longest time to read loses the connection.
 */
export class UnreadAnswers {
  readonly #maxBytes: number
  /** In the order of their writing. */
  readonly #bytesOf = new Map<ServerResponse, number>()
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  add(response: ServerResponse, bytes: number): void {
    this.#bytesOf.set(response, bytes)
    this.#bytes += bytes
    const taken = () => {
      this.#drop(response)
    }
    response.once('finish', taken).once('close', taken)
    for (const oldest of this.#bytesOf.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === response) return
      this.#drop(oldest)
      oldest.destroy()
    }
  }

  #drop(response: ServerResponse): void {
    this.#bytes -= this.#bytesOf.get(response) ?? 0
    this.#bytesOf.delete(response)
  }
}
