import { encodeInitializeArgs, readUlong, ulong } from './encode.ts'
import { CKF, CKR } from './constants.ts'
import { callNow, functionsOf, memoryOf, type Argument, type Callable, type FunctionName } from './functionList.ts'
import { forgetErrors } from './forgetErrors.ts'
import { LibraryGate, type GateWords } from './libraryGate.ts'
import { LoopTurn } from './loopTurn.ts'
import { OpenSessions, sessionWords, type SessionWords } from './openSessions.ts'
import { Pkcs11Error } from './pkcs11Error.ts'
import { slowWords, type SlowWords } from './sharedSlowness.ts'
import { UserError } from '../../../userError.ts'
import { vendorOf, type Vendor } from './vendors.ts'

/** INVARIANT: what the memory of a call points to is reachable until the call is over. Nothing else holds it. */
const running = new Set<readonly Argument[]>()
/** The same for a call in the event loop, of which there is one at a time. */
const none: readonly Argument[] = []
const underWay = { call: none }

const loaded = new Map<string, Pkcs11Module>()

/** Each thread's `performance.now` counts from its own start, by the one clock that this is. */
const clockStart = Number(process.hrtime.bigint()) / 1e6 - performance.now()

/** What another thread of this process is given of a library that was loaded and initialized here. */
export interface SharedLibrary {
  readonly gate: GateWords
  /** Of the thread, from 1. */
  readonly thread: number
  readonly sessions: SessionWords
  /** Of its tokens. */
  readonly slow: SlowWords
}

/** A PKCS#11 library in this process: loaded and initialized once, for all tokens, by the thread that starts it anew as well. */
export class Pkcs11Module {
  readonly path: string
  readonly gate: LibraryGate
  readonly slow: SlowWords
  /** Of this thread. */
  readonly turn = new LoopTurn(() => this.now())
  readonly #sessions: OpenSessions | undefined
  #vendor: Vendor | undefined
  readonly #initArguments: string | undefined
  readonly #functions: Readonly<Record<FunctionName, Callable>>

  private constructor(
    path: string,
    initArguments: string | undefined,
    table: readonly (readonly [FunctionName, Callable])[],
    shared?: SharedLibrary,
  ) {
    this.path = path
    this.gate = new LibraryGate(shared?.gate, shared?.thread)
    this.slow = shared?.slow ?? slowWords()
    this.#sessions = shared && new OpenSessions(shared.sessions, () => this.restarts)
    this.#initArguments = initArguments
    // INVARIANT: `load` gives one entry for each name.
    this.#functions = Object.fromEntries(table) as Record<FunctionName, Callable>
  }

  /** @throws UserError where it is no PKCS#11 library. */
  static load(path: string, initArguments?: string): Pkcs11Module {
    const known = loaded.get(path)
    if (known !== undefined) return known
    const module = new Pkcs11Module(path, initArguments, functionsOf(path))
    module.#initialize()
    loaded.set(path, module)
    return module
  }

  /** In another thread than the one that has loaded it, which alone calls C_Initialize and C_Finalize. */
  static inThread(path: string, shared: SharedLibrary): Pkcs11Module {
    return new Pkcs11Module(path, undefined, functionsOf(path), shared)
  }

  #initialize(): void {
    const args = encodeInitializeArgs(CKF.OS_LOCKING_OK, this.#initArguments)
    const code = this.code('C_Initialize', args)
    if (code !== CKR.OK && code !== CKR.CRYPTOKI_ALREADY_INITIALIZED) {
      throw new UserError(`${this.path} does not start: ${new Pkcs11Error('C_Initialize', code).message}`)
    }
    this.gate.isUp = true
  }

  /** How often it was started anew, by whichever thread: numbers of sessions and objects hold in between only. */
  get restarts(): number {
    return this.gate.restarts
  }

  /**
   * A library may not see again what was taken away and is back: it is started anew. Every session of this process is lost
   * with that. False, and nothing is done, where a call is not over that another thread or this one makes, and in another
   * thread than the one that has loaded it.
   */
  restart(): boolean {
    if (this.#sessions !== undefined) return false
    return this.gate.alone(() => {
      this.gate.countRestart()
      this.code('C_Finalize', null)
      this.gate.isUp = false
      this.#initialize()
    })
  }

  /** For another thread of this process, by its number from 1. */
  forThread(thread: number): SharedLibrary {
    this.gate.admit(thread)
    return { gate: this.gate.words, thread, sessions: sessionWords(), slow: this.slow }
  }

  /** Of a thread that is gone: what it had open is closed, and nobody waits for it any more. */
  ended({ thread, sessions }: SharedLibrary): void {
    this.gate.forget(thread)
    for (const handle of new OpenSessions(sessions, () => this.restarts).all()) this.code('C_CloseSession', handle)
  }

  openSession(slot: number, flags: number): number {
    const handle = ulong(0)
    this.call('C_OpenSession', slot, flags, null, null, handle)
    const opened = readUlong(handle)
    this.#sessions?.opened(opened)
    return opened
  }

  closeSession(handle: number): void {
    this.#sessions?.closing(handle)
    this.code('C_CloseSession', handle)
  }

  /** @throws UserError where it was started anew and does not start yet. */
  requireUp(): void {
    // Another thread than the one that has loaded it waits until that has started it.
    if (this.gate.isUp || this.#sessions !== undefined) return
    this.gate.alone(() => {
      this.#initialize()
    })
  }

  get vendor(): Vendor {
    this.#vendor ??= vendorOf(this.libraryInfo())
    return this.#vendor
  }

  /** The slot of the token with this label. */
  slotOf(label: string): number | undefined {
    return this.slots().find((slot) => {
      const info = this.#infoOf(slot)
      return info?.isInitialized === true && info.label === label
    })
  }

  /** Of all tokens that somebody made. */
  labels(): readonly string[] {
    return this.slots().flatMap((slot) => {
      const info = this.#infoOf(slot)
      return info?.isInitialized === true ? [info.label] : []
    })
  }

  /** Of all tokens with this label, the one that is used first. */
  serialsOf(label: string): readonly string[] {
    return this.slots().flatMap((slot) => {
      const info = this.#infoOf(slot)
      return info?.isInitialized === true && info.label === label ? [info.serial] : []
    })
  }

  /** A slot with a token that nobody made anything of, and that can have this label. */
  emptySlot(label: string): number | undefined {
    return this.slots().find((slot) => {
      const info = this.#infoOf(slot)
      return info?.isInitialized === false && (!this.vendor.labelsByArguments || info.label === label)
    })
  }

  /** One token that fails is no reason not to find another. */
  #infoOf(slot: number): TokenInfo | undefined {
    try {
      return this.tokenInfo(slot)
    } catch (cause) {
      if (cause instanceof Pkcs11Error) return undefined
      throw cause
    }
  }

  /** Milliseconds, from anywhere on, for all threads the same: how long calls take. */
  now(): number {
    return clockStart + performance.now()
  }

  /** @throws KmsError unavailable where the library is being started anew and that does not end. */
  code(name: FunctionName, ...args: readonly Argument[]): number {
    return this.gate.isInside ? this.#code(name, args) : this.gate.hold(() => this.#code(name, args))
  }

  #code(name: FunctionName, args: readonly Argument[]): number {
    underWay.call = args
    const code = callNow(this.#functions[name], args)
    underWay.call = none
    if (code !== CKR.OK) forgetErrors()
    return code
  }

  /** In the event loop. @throws Pkcs11Error */
  call(name: FunctionName, ...args: readonly Argument[]): void {
    const code = this.code(name, ...args)
    if (code !== CKR.OK) throw new Pkcs11Error(name, code)
  }

  /** On a thread of koffi's. @throws Pkcs11Error */
  callOnThread(name: FunctionName, ...args: readonly Argument[]): Promise<void> {
    return this.gate.holdUntil(() => this.#callOnThread(name, args))
  }

  #callOnThread(name: FunctionName, args: readonly Argument[]): Promise<void> {
    return new Promise((resolve, reject) => {
      running.add(args)
      this.#functions[name].async(
        ...args.map((argument) => memoryOf(argument)),
        (error: Error | null, code: number) => {
          running.delete(args)
          if (error !== null) reject(error)
          else if (code !== CKR.OK) reject(new Pkcs11Error(name, code))
          else resolve()
        },
      )
    })
  }

  /** The slots that hold a token. @throws UserError where the library was started anew and does not start yet. */
  slots(): readonly number[] {
    this.requireUp()
    const count = ulong(0)
    this.call('C_GetSlotList', 1, null, count)
    const list = Buffer.alloc(8 * (readUlong(count) + 4))
    count.writeBigUInt64LE(BigInt(list.length / 8))
    this.call('C_GetSlotList', 1, list, count)
    return Array.from({ length: readUlong(count) }, (_, index) => readUlong(list, index))
  }

  /** What the library says of itself. */
  libraryInfo(): LibraryInfo {
    const info = Buffer.alloc(128)
    this.call('C_GetInfo', info)
    const text = (start: number) => info.toString('utf8', start, start + 32).trimEnd()
    return {
      manufacturer: text(2),
      description: text(48),
      version: versionAt(info, 80),
      cryptoki: versionAt(info, 0),
    }
  }

  tokenInfo(slot: number): TokenInfo {
    const info = Buffer.alloc(256)
    this.call('C_GetTokenInfo', slot, info)
    const text = (start: number, length: number) => info.toString('utf8', start, start + length).trimEnd()
    const flags = readUlong(info.subarray(96))
    return {
      label: text(0, 32),
      manufacturer: text(32, 32),
      model: text(64, 16),
      serial: text(80, 16),
      hardware: versionAt(info, 184),
      firmware: versionAt(info, 186),
      isInitialized: (flags & CKF.TOKEN_INITIALIZED) !== 0,
      hasUserPin: (flags & CKF.USER_PIN_INITIALIZED) !== 0,
      pinLength: { min: readUlong(info.subarray(144)), max: readUlong(info.subarray(136)) || Infinity },
    }
  }
}

function versionAt(info: Buffer, offset: number): string {
  return `${info[offset] ?? 0}.${info[offset + 1] ?? 0}`
}

export interface LibraryInfo {
  readonly manufacturer: string
  readonly description: string
  readonly version: string
  /** Of the standard. */
  readonly cryptoki: string
}

export interface TokenInfo {
  readonly label: string
  readonly manufacturer: string
  readonly model: string
  readonly serial: string
  readonly hardware: string
  readonly firmware: string
  readonly isInitialized: boolean
  readonly hasUserPin: boolean
  /** Bytes. */
  readonly pinLength: { readonly min: number; readonly max: number }
}
