import { KmsError } from '../../errors.ts'
import type { Session } from './session.ts'

const maxSessions = 16
const defaultMaxWaitMs = 5_000

/** Sessions for work off the event loop, one operation each. They are opened as they are needed and kept. */
export class SessionPool {
  readonly #open: () => Session
  readonly #maxWaitMs: number
  readonly #all: Session[] = []
  readonly #free: Session[] = []
  readonly #waiting: ((session: Session) => void)[] = []

  /** `maxWaitMs`: how long whoever finds all of them busy waits for one. */
  constructor(open: () => Session, maxWaitMs = defaultMaxWaitMs) {
    this.#open = open
    this.#maxWaitMs = maxWaitMs
  }

  async use<R>(work: (session: Session) => Promise<R>): Promise<R> {
    const session = this.#free.pop() ?? this.#another() ?? (await this.#next())
    try {
      return await work(session)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free.push(session)
      else next(session)
    }
  }

  close(): void {
    for (const session of this.#all) session.close()
  }

  #another(): Session | undefined {
    if (this.#all.length >= maxSessions) return undefined
    const session = this.#open()
    this.#all.push(session)
    return session
  }

  #next(): Promise<Session> {
    return new Promise((resolve, reject) => {
      const take = (session: Session) => {
        clearTimeout(timer)
        resolve(session)
      }
      this.#waiting.push(take)
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(take), 1)
        reject(new KmsError('unavailable', 'Every session of the HSM is busy; try again.', { retryAfter: 1 }))
      }, this.#maxWaitMs)
    })
  }
}
