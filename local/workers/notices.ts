import { MessageChannel, receiveMessageOnPort, type MessagePort } from 'node:worker_threads'
import type { Notice, NoticePort } from './protocol.ts'

/**
 * How workers see a change before it is answered. A notice is put into each worker's port, then a counter that all share is
 * raised; only then does whoever made the change go on to its answer. A worker that finds the counter raised at the start of
 * a request takes every notice out of its port, at once, before it looks at anything it has cached.
 */
export class Notices {
  readonly #given = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT))
  readonly #ports = new Set<MessagePort>()

  /** For a worker: it gets these first, then whatever is given from now on. */
  open(first: readonly Notice[]): { readonly forWorker: NoticePort; readonly close: () => void } {
    const { port1, port2 } = new MessageChannel()
    // INVARIANT: nobody listens by events, so that what is in the port stays there until it is taken.
    for (const notice of first) port1.postMessage(notice)
    this.#ports.add(port1)
    return {
      forWorker: { port: port2, given: this.#given },
      close: () => {
        this.#ports.delete(port1)
        port1.close()
      },
    }
  }

  give(notice: Notice): void {
    for (const port of this.#ports) port.postMessage(notice)
    Atomics.add(this.#given, 0, 1)
  }
}

/** The worker's end. */
export class NoticeReader {
  readonly #notices: NoticePort
  readonly #take: (notice: Notice) => void
  /** None: what was given first is there without a count. */
  #seen: number | undefined

  constructor(notices: NoticePort, take: (notice: Notice) => void) {
    this.#notices = notices
    this.#take = take
  }

  /** Takes whatever has been given so far. */
  catchUp(): void {
    const given = Atomics.load(this.#notices.given, 0)
    if (given === this.#seen) return
    this.#seen = given
    for (;;) {
      const received = receiveMessageOnPort(this.#notices.port) as { readonly message: Notice } | undefined
      if (received === undefined) return
      this.#take(received.message)
    }
  }
}
