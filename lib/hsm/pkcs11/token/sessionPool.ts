import { KmsError } from '../../../errors.ts'
import { CKR } from '../library/constants.ts'
import { isPkcs11Error } from '../library/pkcs11Error.ts'
import type { Session } from './session.ts'

/** Of one token, for all threads of a process: of the threads that its calls take others find some left (regionThreads.ts). */
const maxSessions = 16
/** Of each thread, however many there are: one that is slow does not stop the next. */
const fewestSessions = 2
const defaultMaxWaitMs = 5_000
/** How long a library that has no session left is not asked for another. */
const fullMs = 30_000

interface Waiting {
  readonly take: (session: Session) => void
  readonly refuse: (cause: Error) => void
}

export interface SessionPoolOptions {
  /** How long whoever finds all of them busy waits for one. */
  readonly maxWaitMs?: number
  readonly now?: () => number
  /** How many threads use the token, each by a pool of its own. */
  readonly threads?: () => number
  /** What this thread has under way in the token, also by a connection of before. */
  readonly underWay?: () => number
}

/** Sessions for work off the event loop, one operation each. They are opened as they are needed and kept. */
export class SessionPool {
  readonly #open: () => Session
  readonly #maxWaitMs: number
  readonly #threads: () => number
  readonly #underWay: () => number
  #opened = 0
  readonly #free: Session[] = []
  readonly #waiting: Waiting[] = []
  #closedBy: Error | undefined
  readonly #now: () => number
  #fullUntil = -Infinity

  constructor(open: () => Session, options: SessionPoolOptions = {}) {
    const { maxWaitMs = defaultMaxWaitMs, now = Date.now, threads = () => 1, underWay = () => 0 } = options
    this.#open = open
    this.#now = now
    this.#maxWaitMs = maxWaitMs
    this.#threads = threads
    this.#underWay = underWay
  }

  async use<R>(work: (session: Session) => Promise<R>): Promise<R> {
    this.#requireOpen()
    const session = this.#free.pop() ?? this.#another() ?? (await this.#next())
    try {
      // All may have been lost while it waited, and the handles with which it has come.
      this.#requireOpen()
      return await work(session)
    } finally {
      this.#giveBack(session)
    }
  }

  /**
   * Whoever waits is refused with `cause`, and whoever comes. A session in use is closed as it comes back: a library may not
   * bear it in the middle of a call.
   */
  close(cause: Error): void {
    this.#closedBy = cause
    for (const session of this.#free.splice(0)) session.close()
    for (const { refuse } of this.#waiting.splice(0)) refuse(cause)
  }

  #requireOpen(): void {
    if (this.#closedBy !== undefined) throw this.#closedBy
  }

  #giveBack(session: Session): void {
    const next = this.#waiting.shift()
    if (this.#closedBy !== undefined) session.close()
    else if (next === undefined) this.#free.push(session)
    else next.take(session)
  }

  #another(): Session | undefined {
    const most = Math.max(fewestSessions, Math.floor(maxSessions / this.#threads()))
    if (Math.max(this.#opened, this.#underWay()) >= most || this.#now() < this.#fullUntil) return undefined
    try {
      const session = this.#open()
      this.#opened += 1
      return session
    } catch (cause) {
      if (!isPkcs11Error(cause, CKR.SESSION_COUNT)) throw cause
      // The library has fewer than we would take: nothing is lost by it, and those that we have go round.
      if (this.#opened === 0) throw allBusy(cause)
      this.#fullUntil = this.#now() + fullMs
      return undefined
    }
  }

  #next(): Promise<Session> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
        reject(allBusy())
      }, this.#maxWaitMs)
      const waiting: Waiting = {
        take: (session) => {
          clearTimeout(timer)
          resolve(session)
        },
        refuse: (cause) => {
          clearTimeout(timer)
          reject(cause)
        },
      }
      this.#waiting.push(waiting)
    })
  }
}

function allBusy(cause?: unknown): KmsError {
  const why = cause === undefined ? {} : { cause }
  return new KmsError('unavailable', 'Every session of the HSM is busy; try again.', { retryAfter: 1, ...why })
}
