import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** How many requests of one connection may wait for the one before them. No client of OCI's sends a second before its first answer. */
export const maxWaiting = 32

interface Waiting {
  readonly response: ServerResponse
  readonly work: () => void
}

/**
 * One request of a connection at a time, and the event loop turns between two of them: however many a caller sends behind
 * each other, whoever calls over another connection waits for one of them.
 */
export class ConnectionTurns {
  /** Of those that are told that theirs is the last answer. */
  readonly #ending = new WeakSet<Socket>()
  /** Of those that have a request at work, what waits behind it. */
  readonly #waiting = new WeakMap<Socket, Waiting[]>()

  /** Nothing that comes over it from now on is answered or done. */
  end(socket: Socket): void {
    this.#ending.add(socket)
  }

  isEnding(socket: Socket): boolean {
    return this.#ending.has(socket)
  }

  /** Begins the work now or when it is its turn; false: too many wait already. A connection's end ends what waits. */
  take(socket: Socket, response: ServerResponse, work: () => void): boolean {
    const waiting = this.#waiting.get(socket)
    if (waiting === undefined) {
      this.#waiting.set(socket, [])
      this.#begin(socket, { response, work })
      return true
    }
    if (waiting.length >= maxWaiting) return false
    waiting.push({ response, work })
    return true
  }

  #begin(socket: Socket, { response, work }: Waiting): void {
    // Comes once, when the answer is out or its connection is gone.
    response.on('close', () => {
      this.#next(socket)
    })
    work()
  }

  #next(socket: Socket): void {
    const waiting = this.#waiting.get(socket) ?? []
    if (waiting.length === 0 || socket.destroyed) {
      this.#waiting.delete(socket)
      return
    }
    setImmediate(() => {
      const next = waiting.shift()
      if (next !== undefined) this.#begin(socket, next)
    })
  }
}
