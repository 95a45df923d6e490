import { hash } from 'node:crypto'
import { KmsError } from '../../errors.ts'
import { UserError } from '../../userError.ts'
import { CKR, CKU } from './constants.ts'
import { isLoss, isPkcs11Error } from './pkcs11Error.ts'
import type { Pkcs11Module, TokenInfo } from './pkcs11Module.ts'
import { Session } from './session.ts'
import { SessionPool } from './sessionPool.ts'

export interface TokenOptions {
  readonly module: Pkcs11Module
  readonly label: string
  /** Asked for at each login, so that a changed PIN needs no restart. */
  readonly pin: () => string
  /** Milliseconds, for the pause between two attempts to connect. Default: the machine's. */
  readonly now?: () => number
  /** How long an operation waits for a free session. Default: 5 s. */
  readonly maxWaitMs?: number
}

interface Connection<T> {
  /** Of the module, when this was opened. */
  readonly restarts: number
  /** For what is over within one call: it is used in the event loop only, where nothing comes between two steps. */
  readonly session: Session
  readonly pool: SessionPool
  objects: T
}

const retrySeconds = 1
let lives = 0
/** These say that the PIN is not to be tried again: three wrong ones lock most tokens. */
const pinRefusals = [
  CKR.PIN_INCORRECT,
  CKR.PIN_LEN_RANGE,
  CKR.PIN_EXPIRED,
  CKR.PIN_LOCKED,
  CKR.USER_PIN_NOT_INITIALIZED,
]

/**
 * A token that this process is logged in to. Where the session, the login or the token is lost, everything that was opened
 * is forgotten, the caller gets 503, and the next call connects anew, at most once a second.
 */
export class Token<T> {
  readonly label: string
  /** Handles of session objects hold in one life only, and no two tokens have one of the same number. */
  life = ++lives
  readonly #options: TokenOptions
  readonly #find: (session: Session) => T
  #connection: Connection<T> | undefined
  #notBefore = 0
  #refusedPin: string | undefined

  /** `find` looks up the token's own objects after each login. @throws UserError where one is not there */
  constructor(options: TokenOptions, find: (session: Session) => T) {
    this.label = options.label
    this.#options = options
    this.#find = find
  }

  /**
   * In the event loop. With `life`, only where that has not ended: another life may give the number of a lost handle to
   * another key. @throws KmsError unavailable where the token is lost.
   */
  run<R>(work: (session: Session, objects: T) => R, life = this.life): R {
    const connection = this.#connected(life)
    try {
      return work(connection.session, connection.objects)
    } catch (cause) {
      throw this.#after(connection, cause)
    }
  }

  /** Off the event loop, in a session of its own. @throws KmsError unavailable where the token is lost or all sessions are busy. */
  async onThread<R>(work: (session: Session, objects: T) => Promise<R>, life = this.life): Promise<R> {
    const connection = this.#connected(life)
    try {
      return await connection.pool.use((session) => work(session, connection.objects))
    } catch (cause) {
      throw this.#after(connection, cause)
    }
  }

  /** What the token says it is. */
  model(): string {
    const { model, manufacturer } = this.info()
    return model === '' ? manufacturer : model
  }

  info(): TokenInfo {
    const { module, label } = this.#options
    return module.tokenInfo(findSlot(module, label))
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
    const connection = this.#connected(this.life)
    try {
      connection.objects = this.#find(connection.session)
    } catch (cause) {
      throw this.#after(connection, cause)
    }
  }

  /** In a session of its own, whatever is in the token or is not. @throws KmsError unavailable where the token is lost. */
  bare<R>(work: (session: Session) => R): R {
    const session = Session.open(this.#options.module, findSlot(this.#options.module, this.label))
    try {
      this.#login(session)
      return work(session)
    } catch (cause) {
      throw isLoss(cause) ? lost(this.label, cause) : cause
    } finally {
      session.close()
    }
  }

  close(): void {
    this.#forget()
  }

  #connected(life: number): Connection<T> {
    // Another token's failure may have had the library started anew: the numbers of then mean something else now.
    if (this.#connection !== undefined && this.#connection.restarts !== this.#options.module.restarts) this.#forget()
    if (life !== this.life) throw lost(this.label)
    if (this.#connection !== undefined) return this.#connection
    const now = (this.#options.now ?? Date.now)()
    if (now < this.#notBefore) throw lost(this.label)
    this.#notBefore = now + retrySeconds * 1000
    try {
      this.#connection = this.#connect()
    } catch (cause) {
      throw lost(this.label, cause)
    }
    return this.#connection
  }

  #connect(): Connection<T> {
    const { module, label, maxWaitMs } = this.#options
    const slot = findSlot(module, label)
    const session = Session.open(module, slot)
    try {
      this.#login(session)
      const objects = this.#find(session)
      return {
        restarts: module.restarts,
        session,
        pool: new SessionPool(() => Session.open(module, slot), maxWaitMs),
        objects,
      }
    } catch (cause) {
      session.close()
      throw cause
    }
  }

  #login(session: Session): void {
    const pin = this.#options.pin()
    const digest = hash('sha256', pin)
    if (digest === this.#refusedPin) throw pinRefused(this.label)
    try {
      session.login(CKU.USER, pin)
    } catch (cause) {
      if (isPkcs11Error(cause, CKR.USER_ALREADY_LOGGED_IN)) return
      if (!isPkcs11Error(cause, ...pinRefusals)) throw cause
      this.#refusedPin = digest
      throw pinRefused(this.label, cause)
    }
  }

  #after(connection: Connection<T>, cause: unknown): unknown {
    if (!isLoss(cause)) return cause
    if (this.#connection === connection) this.#forget()
    return lost(this.label, cause)
  }

  #forget(): void {
    const former = this.#connection
    this.#connection = undefined
    this.life = ++lives
    if (former?.restarts !== this.#options.module.restarts) return
    former.session.close()
    former.pool.close()
  }
}

function findSlot(module: Pkcs11Module, label: string): number {
  const slot = module.slotOf(label) ?? (module.restart() ? module.slotOf(label) : undefined)
  if (slot !== undefined) return slot
  throw new UserError(`No token in ${module.path} has the label ${label}. Make it with hsm init.`)
}

function lost(label: string, cause?: unknown): KmsError {
  return new KmsError('unavailable', `The HSM does not answer (token ${label}); try again.`, {
    retryAfter: retrySeconds,
    ...(cause === undefined ? {} : { cause }),
  })
}

function pinRefused(label: string, cause?: unknown): UserError {
  return new UserError(
    `The token ${label} refuses the PIN. It is not tried again until PKCS11_PIN_FILE holds another one.`,
    cause === undefined ? {} : { cause },
  )
}
