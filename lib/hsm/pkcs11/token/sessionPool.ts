import { KmsError } from '../../../errors.ts'
import { CKR } from '../library/constants.ts'
import { isPkcs11Error } from '../library/pkcs11Error.ts'
import type { Session } from './session.ts'

const maxSessions = 16
const defaultMaxWaitMs = 5_000
/** How long a library that has no session left is not asked for another. */
const fullMs = 30_000

/** Sessions for work off the event loop, one operation each. They are opened as they are needed and kept. */
export class SessionPool {
  readonly #open: () => Session
  readonly #maxWaitMs: number
  readonly #all: Session[] = []
  readonly #free: Session[] = []
  readonly #waiting: ((session: Session) => void)[] = []
  readonly #now: () => number
  #fullUntil = -Infinity

  /** `maxWaitMs`: how long whoever finds all of them busy waits for one. */
  constructor(
    open: () => Session,
    { maxWaitMs = defaultMaxWaitMs, now = Date.now }: { readonly maxWaitMs?: number; readonly now?: () => number } = {},
  ) {
    this.#open = open
    this.#now = now
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
    if (this.#all.length >= maxSessions || this.#now() < this.#fullUntil) return undefined
    try {
      const session = this.#open()
      this.#all.push(session)
      return session
    } catch (cause) {
      if (!isPkcs11Error(cause, CKR.SESSION_COUNT)) throw cause
      // The library has fewer than we would take: nothing is lost by it, and those that we have go round.
      if (this.#all.length === 0) throw allBusy(cause)
      this.#fullUntil = this.#now() + fullMs
      return undefined
    }
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
        reject(allBusy())
      }, this.#maxWaitMs)
    })
  }
}

function allBusy(cause?: unknown): KmsError {
  const why = cause === undefined ? {} : { cause }
  return new KmsError('unavailable', 'Every session of the HSM is busy; try again.', { retryAfter: 1, ...why })
}
