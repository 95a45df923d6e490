import { isKmsError } from '../../../errors.ts'
import { UserError } from '../../../userError.ts'
import { Attempts } from './attempts.ts'
import { LoopGuard } from './loopGuard.ts'
import { TooSlow } from '../library/loopTurn.ts'
import { isLoss } from '../library/pkcs11Error.ts'
import { Login } from './login.ts'
import { asFailure, lost } from './lostToken.ts'
import type { TokenInfo } from '../library/pkcs11Module.ts'
import { Session } from './session.ts'
import { SessionPool } from './sessionPool.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { TokenSlot } from './tokenSlot.ts'
import { WorkUnderWay } from './workUnderWay.ts'

interface Connection<T> {
  /** Of the module, when this was opened. */
  readonly restarts: number
  /** For what is over within one call: it is used in the event loop only, where nothing comes between two steps. */
  readonly session: Session
  readonly pool: SessionPool
  objects: T
}

let lives = 0
/**
 * A token that this process is logged in to. Where the session, the login or the token is lost, everything that was opened
 * is forgotten, the caller gets 503, and the next call connects anew, at most once a second.
 */
export class Token<T> {
  readonly label: string
  #life = ++lives
  readonly #options: TokenOptions
  readonly #find: (session: Session) => T
  #connection: Connection<T> | undefined
  #seenRestarts = 0
  readonly loop: LoopGuard
  readonly #login: Login
  readonly #slot: TokenSlot
  readonly #underWay: WorkUnderWay
  readonly #attempts: Attempts
  #isLost = false
  /** Why, also for those that come before the next attempt. */
  #cause: unknown

  /** `find` looks up its own objects after each login. @throws UserError where one is not there. `trial`: one call off the event loop. */
  constructor(
    options: TokenOptions,
    find: (session: Session) => T,
    trial: (session: Session, objects: T) => Promise<unknown>,
  ) {
    this.label = options.label
    this.#options = options
    this.#find = find
    this.#login = new Login(options)
    this.#slot = new TokenSlot(options)
    const onBack = () => {
      this.#forget()
    }
    this.#underWay = new WorkUnderWay(options.label, onBack, options.after)
    this.loop = new LoopGuard(options.label, options.module, () => this.onThread(trial))
    this.#attempts = new Attempts(options, this.loop, this.#underWay)
  }

  /** The last attempt to connect failed, it was lost since, a call does not come back, or it is too slow to be asked now. */
  get isAway(): boolean {
    return this.#isLost || this.#underWay.isLate || this.loop.isResting()
  }

  /**
   * In the event loop. With `life`, only where that has not ended: another life may give the number of a lost handle to
   * another key. @throws KmsError unavailable where the token is lost.
   */
  run<R>(work: (session: Session, objects: T) => R, life?: number): R {
    return this.#held(life, (connection) => work(connection.session, connection.objects))
  }

  /** As `run`, for a request. */
  runInTurn<R>(work: (session: Session, objects: T) => R, life?: number): R {
    return this.loop.inTurn(() => this.run(work, life))
  }

  /** Off the event loop, in a session of its own. @throws KmsError unavailable where the token is lost or all sessions are busy. */
  onThread<R>(work: (session: Session, objects: T) => Promise<R>, life?: number): Promise<R> {
    return this.#underWay.bounded((timed) =>
      this.#offLoop((session, objects) => timed(() => work(session, objects)), life),
    )
  }

  async #offLoop<R>(work: (session: Session, objects: T) => Promise<R>, life?: number): Promise<R> {
    const { module } = this.#options
    for (;;) {
      const connection = this.#connected(life)
      const done = await module.gate.holdLong(async () => {
        if (connection.restarts !== module.restarts) return undefined
        try {
          return { answer: await connection.pool.use((session) => work(session, connection.objects)) }
        } catch (cause) {
          throw this.#after(connection, cause)
        }
      })
      if (done !== undefined) return done.answer
    }
  }

  /** Handles of session objects hold in one life only, and no two tokens have one of the same number. */
  get life(): number {
    this.#noticeRestart()
    return this.#life
  }

  /** What the token says it is. */
  model(): string {
    const { model, manufacturer } = this.info()
    return model === '' ? manufacturer : model
  }

  info(): TokenInfo {
    return this.#slot.use((slot) => this.#options.module.tokenInfo(slot))
  }

  /** Milliseconds. */
  now(): number {
    return (this.#options.now ?? Date.now)()
  }

  /** What a person is to put right before it connects; undefined: nothing that is known. */
  whyAway(): string | undefined {
    return this.#isLost && this.#cause instanceof UserError ? this.#cause.message : undefined
  }

  /** Another thread does not see it, and this one alone starts the library anew. */
  showOthers(): void {
    this.#slot.showOthers()
  }

  isConnected(): boolean {
    return this.#connection !== undefined
  }

  /** Connects, for whoever starts: a wrong PIN or label is theirs to put right. @throws UserError */
  open(): void {
    this.#connection ??= this.#connect()
  }

  /** Looks up the token's own objects anew, after some came or went. @throws KmsError unavailable where the token is lost. */
  refresh(): void {
    this.#held(undefined, (connection) => {
      connection.objects = this.#find(connection.session)
    })
  }

  /** In another thread than the one that has changed them: where that fails the next call connects anew. */
  followObjects(change?: (objects: T) => T): void {
    if (this.#connection === undefined) return
    try {
      if (change === undefined) this.refresh()
      else this.#connection.objects = change(this.#connection.objects)
    } catch (cause) {
      if (!isKmsError(cause, 'unavailable')) throw cause
      this.#forget()
    }
  }

  /** Nobody is alone in the library meanwhile. */
  inLibrary<R>(work: () => R): R {
    return this.#options.module.gate.hold(work)
  }

  /** While nobody else is in the library, if that can be had soon; where not, all the same. */
  alone(work: () => void): void {
    if (!this.#options.module.gate.alone(work)) work()
  }

  /** In a session of its own, whatever is in the token or is not. @throws KmsError unavailable where the token is lost. */
  bare<R>(work: (session: Session) => R): R {
    return this.#slot.use((slot) => {
      try {
        const session = Session.open(this.#options.module, slot)
        try {
          this.#login.logIn(session)
          return work(session)
        } finally {
          session.close()
        }
      } catch (cause) {
        throw asFailure(this.label, cause)
      }
    })
  }

  close(): void {
    this.#forget()
  }

  /** Nobody starts the library anew meanwhile: what is connected stays so. */
  #held<R>(life: number | undefined, work: (connection: Connection<T>) => R): R {
    const { module } = this.#options
    this.#underWay.requireNoneLate()
    this.loop.requireRested()
    for (;;) {
      const connection = this.#connected(life)
      const done = module.gate.hold(() => {
        if (connection.restarts !== module.restarts) return undefined
        try {
          return { answer: this.loop.piece(() => work(connection)) }
        } catch (cause) {
          throw this.#after(connection, cause)
        }
      })
      if (done !== undefined) return done.answer
    }
  }

  #connected(life?: number): Connection<T> {
    this.#noticeRestart()
    if (life !== undefined && life !== this.#life) throw lost(this.label)
    if (this.#connection !== undefined) return this.#connection
    if (!this.#attempts.isDue()) throw lost(this.label, this.#cause)
    this.#seenRestarts = this.#options.module.restarts
    try {
      this.#connection = this.#attempts.make(() => this.#connect())
      this.#isLost = false
      this.#cause = undefined
      return this.#connection
    } catch (cause) {
      this.#isLost = true
      this.#cause = cause
      throw lost(this.label, cause)
    }
  }

  /**
   * Another token's failure may have had the library started anew: the numbers of then mean something else now. It was not this
   * one's, which connects again at once; so does each in a thread that waits for another to start the library.
   */
  #noticeRestart(): void {
    const { restarts, gate } = this.#options.module
    // Another thread starts it anew between any two steps that are not held in the library, so that a connection knows its own.
    const isLost = this.#connection !== undefined && this.#connection.restarts !== restarts
    if (!isLost && this.#seenRestarts === restarts) return
    if (isLost) this.#forget()
    if (isLost || gate.thread > 0) this.#attempts.mayBeAtOnce()
    this.#seenRestarts = restarts
  }

  #connect(): Connection<T> {
    const { module } = this.#options
    return this.#slot.use((slot) => {
      const session = Session.open(module, slot)
      try {
        this.#login.logIn(session)
        const objects = this.#find(session)
        const pool = new SessionPool(() => Session.open(module, slot), {
          ...this.#options,
          threads: () => module.gate.threads,
          underWay: () => this.#underWay.count,
        })
        return { restarts: module.restarts, session, pool, objects }
      } catch (cause) {
        session.close()
        throw cause
      }
    })
  }

  #after(connection: Connection<T>, cause: unknown): unknown {
    if (cause instanceof TooSlow) return this.loop.tooSlow()
    if (isLoss(cause) && this.#connection === connection) {
      this.#forget()
      this.#isLost = true
      this.#cause = cause
    }
    return asFailure(this.label, cause)
  }

  #forget(): void {
    const former = this.#connection
    this.#connection = undefined
    this.#life = ++lives
    if (former?.restarts !== this.#options.module.restarts) return
    former.session.close()
    former.pool.close(lost(this.label))
  }
}
