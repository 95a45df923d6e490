import { encodeInitializeArgs, readUlong, ulong, type Encoded } from './encode.ts'
import { CKF, CKR } from './constants.ts'
import { koffi } from './koffi.ts'
import { Pkcs11Error } from './pkcs11Error.ts'
import { UserError } from '../../userError.ts'
import { vendorOf, type Vendor } from './vendors.ts'

const pointer = 'void *'
const word = 'ulong'

/** Where each function stands in CK_FUNCTION_LIST, and what it takes. Everything is a number or memory. */
const functions = {
  C_Initialize: [0, [pointer]],
  C_Finalize: [1, [pointer]],
  C_GetInfo: [2, [pointer]],
  C_GetSlotList: [4, ['uint8', pointer, pointer]],
  C_GetTokenInfo: [6, [word, pointer]],
  C_InitToken: [9, [word, pointer, word, pointer]],
  C_InitPIN: [10, [word, pointer, word]],
  C_OpenSession: [12, [word, word, pointer, pointer, pointer]],
  C_CloseSession: [13, [word]],
  C_CloseAllSessions: [14, [word]],
  C_Login: [18, [word, word, pointer, word]],
  C_Logout: [19, [word]],
  C_CreateObject: [20, [word, pointer, word, pointer]],
  C_CopyObject: [21, [word, word, pointer, word, pointer]],
  C_DestroyObject: [22, [word, word]],
  C_GetAttributeValue: [24, [word, word, pointer, word]],
  C_SetAttributeValue: [25, [word, word, pointer, word]],
  C_FindObjectsInit: [26, [word, pointer, word]],
  C_FindObjects: [27, [word, pointer, word, pointer]],
  C_FindObjectsFinal: [28, [word]],
  C_EncryptInit: [29, [word, pointer, word]],
  C_DecryptInit: [33, [word, pointer, word]],
  C_Decrypt: [34, [word, pointer, word, pointer, pointer]],
  C_SignInit: [42, [word, pointer, word]],
  C_Sign: [43, [word, pointer, word, pointer, pointer]],
  C_GenerateKey: [58, [word, pointer, pointer, word, pointer]],
  C_GenerateKeyPair: [59, [word, pointer, pointer, word, pointer, word, pointer, pointer]],
  C_WrapKey: [60, [word, pointer, word, word, pointer, pointer]],
  C_UnwrapKey: [61, [word, pointer, word, pointer, word, pointer, word, pointer]],
} as const

export type FunctionName = keyof typeof functions
export type Argument = number | Buffer | Encoded | null

interface Callable {
  (...args: readonly (number | Buffer | null)[]): number
  readonly async: (...args: readonly unknown[]) => void
}

const libraries: unknown[] = []
/** INVARIANT: what the memory of a call points to is reachable until the call is over. Nothing else holds it. */
const running = new Set<readonly Argument[]>()
/** The same for a call in the event loop, of which there is one at a time. */
const underWay: { call: readonly Argument[] } = { call: [] }

function memoryOf(argument: Argument): number | Buffer | null {
  return argument === null || typeof argument === 'number' || Buffer.isBuffer(argument) ? argument : argument.bytes
}

const loaded = new Map<string, Pkcs11Module>()

/** A PKCS#11 library in this process: loaded and initialized once, for all tokens. */
export class Pkcs11Module {
  readonly path: string
  /** How often it was started anew: numbers of sessions and objects hold in between only. */
  restarts = 0
  #vendor: Vendor | undefined
  /** False where it was started anew and did not start: its tokens' place may be away for a while. */
  #isUp = true
  readonly #initArguments: string | undefined
  readonly #functions: Readonly<Record<FunctionName, Callable>>

  private constructor(
    path: string,
    initArguments: string | undefined,
    table: readonly (readonly [FunctionName, Callable])[],
  ) {
    this.path = path
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

  #initialize(): void {
    const args = encodeInitializeArgs(CKF.OS_LOCKING_OK, this.#initArguments)
    const code = this.code('C_Initialize', args)
    if (code !== CKR.OK && code !== CKR.CRYPTOKI_ALREADY_INITIALIZED) {
      throw new UserError(`${this.path} does not start: ${new Pkcs11Error('C_Initialize', code).message}`)
    }
    this.#isUp = true
  }

  /**
   * A library may not see again what was taken away and is back: it is started anew. Every session of this process is lost
   * with that. False, and nothing is done, where a call on a thread is not over.
   */
  restart(): boolean {
    if (running.size > 0) return false
    this.restarts += 1
    this.code('C_Finalize', null)
    this.#isUp = false
    this.#initialize()
    return true
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

  code(name: FunctionName, ...args: readonly Argument[]): number {
    underWay.call = args
    const memory: (number | Buffer | null)[] = []
    for (const argument of args) memory.push(memoryOf(argument))
    const code = this.#functions[name](...memory)
    underWay.call = []
    return code
  }

  /** In the event loop. @throws Pkcs11Error */
  call(name: FunctionName, ...args: readonly Argument[]): void {
    const code = this.code(name, ...args)
    if (code !== CKR.OK) throw new Pkcs11Error(name, code)
  }

  /** On a thread of koffi's. @throws Pkcs11Error */
  callOnThread(name: FunctionName, ...args: readonly Argument[]): Promise<void> {
    return new Promise((resolve, reject) => {
      running.add(args)
      this.#functions[name].async(...args.map(memoryOf), (error: Error | null, code: number) => {
        running.delete(args)
        if (error !== null) reject(error)
        else if (code !== CKR.OK) reject(new Pkcs11Error(name, code))
        else resolve()
      })
    })
  }

  /** The slots that hold a token. @throws UserError where the library was started anew and does not start yet. */
  slots(): readonly number[] {
    if (!this.#isUp) this.#initialize()
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
    }
  }
}

export interface LibraryInfo {
  readonly manufacturer: string
  readonly description: string
  readonly version: string
  /** Of the standard. */
  readonly cryptoki: string
}

function versionAt(info: Buffer, offset: number): string {
  return `${info[offset] ?? 0}.${info[offset + 1] ?? 0}`
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
}

function functionsOf(path: string): readonly [FunctionName, Callable][] {
  const { load, proto, decode } = koffi()
  let list: unknown
  try {
    const library = load(path)
    // Koffi unloads a library that nobody holds.
    libraries.push(library)
    const get = library.func('C_GetFunctionList', 'ulong', [pointer])
    const place = Buffer.alloc(8)
    if (get(place) !== CKR.OK) throw new Error('C_GetFunctionList fails.')
    list = place.readBigUInt64LE()
  } catch (cause) {
    throw new UserError(`${path} is no PKCS#11 library that this system loads.`, { cause })
  }
  return Object.entries(functions).map(([name, [index, parameters]]) => {
    // After the version, which takes a word.
    const address: unknown = decode(list, 8 * (index + 1), 'uint64')
    const callable: unknown = decode(BigInt(String(address)), proto('ulong', [...parameters]))
    return [name as FunctionName, callable as Callable]
  })
}
