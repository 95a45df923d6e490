import type { Cipheriv, CipherKey, Decipheriv, KeyObject } from 'node:crypto'
import { PIECE, piecesOf, privateNumbers } from './secretPieces.ts'

/**
 * Sees what node:crypto is given and gives, and every buffer that is made, so that a test can ask what is left of it. What is
 * under it is imported after this file (`await import`): names are bound when a module is loaded.
 */

type Function = (this: unknown, ...args: unknown[]) => unknown

/** Bytes that somebody can still read. */
interface Place {
  readonly bytes: Uint8Array
  /** Where it was made; read only where something is left, because a stack costs most when it is told. */
  readonly at: Error
  readonly isText: boolean
}

const crypto = process.getBuiltinModule('node:crypto')
const { syncBuiltinESMExports } = process.getBuiltinModule('node:module')
const original = { ...crypto, from: Buffer.from.bind(Buffer) }

let places: Place[] | undefined
/** What is made once and used again: it is looked at every time. */
const standing: Place[] = []
let isStanding = false
/** By their bytes. */
let secrets = new Map<string, Buffer>()
/** Of the calls that may fail, which does; the count of those so far. */
let [failing, calls] = [-1, 0]

/** Of a stack: ours, and no test. */
const own = /\/(lib|local|handlers)\/[^\n]*/
/** Counts with scalars in JavaScript, and keeps copies that it does not give out; tries a token with keys of nothing. */
const noSecrets = /node_modules\/@noble\/curves|hsm\/pkcs11\/token\/abilities/

export interface Watched<T> {
  readonly outcome: PromiseSettledResult<T>
  /** How often node:crypto was called. */
  readonly calls: number
  /** A line for each place where a secret still is, and where that was made. */
  readonly left: readonly string[]
}

/**
 * `failing`: that call of node:crypto throws. `known`: what is secret though no call shows it.
 * What `work` gives is the caller's to clear: it does so in `work`.
 */
export async function watch<T>(
  work: () => Promise<T> | T,
  { failing: which = -1, known = [] }: { failing?: number; known?: readonly Uint8Array[] } = {},
): Promise<Watched<T>> {
  ;[places, secrets, failing, calls] = [[], new Map<string, Buffer>(), which, 0]
  for (const each of known) learn(each)
  const [outcome] = await Promise.allSettled([Promise.try(work)])
  const seen = [...standing, ...places]
  places = undefined
  return { outcome, calls, left: leftIn(seen) }
}

function leftIn(seen: readonly Place[]): readonly string[] {
  const pieces = [...secrets.values()]
  const lines = seen.flatMap(({ bytes, at, isText }) => {
    const view = original.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (!pieces.some((piece) => view.includes(piece))) return []
    const [frame] = own.exec(at.stack ?? '') ?? []
    return frame === undefined || noSecrets.test(at.stack ?? '') ? [] : [`${isText ? 'text' : 'bytes'} of ${frame}`]
  })
  return [...new Set(lines)]
}

function learn(bytes: Uint8Array): void {
  for (const piece of piecesOf(bytes)) secrets.set(piece.join(), piece)
}

function note(value: unknown, isText = false): void {
  const to = isStanding ? standing : places
  if (to === undefined) return
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value
  if (!ArrayBuffer.isView(bytes) || bytes.byteLength < PIECE) return
  to.push({ bytes: bytes as Uint8Array, at: new Error(), isText })
}

/** What is called through here is counted, may fail, and what it gives is noted. */
function seen(call: Function, look: (given: readonly unknown[], got: unknown) => void = () => undefined): Function {
  return function (this: unknown, ...args) {
    if (places === undefined) return call.apply(this, args)
    if (calls++ === failing) throw new Error('node:crypto fails, as the test wants')
    const got = call.apply(this, args)
    look(args, got)
    note(got)
    return got
  }
}

/** Ciphers that hide what they are given: others make MACs. */
const hiding = new WeakSet()

const put: (() => void)[] = []

function replace(owner: object, name: string, wrap: (was: Function) => Function): void {
  const was = (owner as Record<string, unknown>)[name] as Function
  const now = wrap(was)
  for (const symbol of Object.getOwnPropertySymbols(was)) {
    const property = (was as unknown as Record<symbol, unknown>)[symbol]
    Object.defineProperty(now, symbol, {
      value: typeof property === 'function' ? seenPair(property as Function) : property,
    })
  }
  Object.defineProperty(owner, name, { value: now, configurable: true, writable: true })
  put.push(() => {
    Object.defineProperty(owner, name, { value: was, configurable: true, writable: true })
  })
}

/** Of generateKeyPair, as a promise. */
function seenPair(call: Function): Function {
  return function (this: unknown, ...args) {
    const got = call.apply(this, args) as Promise<Record<string, unknown>>
    return got.then((pair) => {
      note(pair['privateKey'])
      return pair
    })
  }
}

export function startWatching(): void {
  const secretKey = original.createSecretKey(Buffer.alloc(PIECE))
  const pair = original.generateKeyPairSync('ed25519')
  replace(crypto, 'randomBytes', (was) => seen(was))
  replace(crypto, 'hkdfSync', (was) =>
    seen(was, ([, from], got) => {
      learn(from as Uint8Array)
      learn(new Uint8Array(got as ArrayBuffer))
    }),
  )
  replace(crypto, 'createSecretKey', (was) =>
    seen(was, ([key]) => {
      learn(key as Uint8Array)
    }),
  )
  replace(crypto, 'createPrivateKey', (was) =>
    seen(was, (_, got) => {
      for (const each of privateNumbers(() => got as KeyObject) ?? []) learn(each)
    }),
  )
  replace(
    crypto,
    'generateKeyPair',
    (was) =>
      (...args) =>
        was(...args),
  )
  for (const name of ['createHmac', 'publicEncrypt', 'privateEncrypt']) replace(crypto, name, (was) => seen(was))
  // So a ciphertext's commitment is asked for, and nothing else is: what is hashed begins with its key.
  replace(crypto, 'hash', (was) =>
    seen(was, ([, data, encoding]) => {
      if (encoding === 'binary') learn((data as Uint8Array).subarray(0, 2 * PIECE))
    }),
  )
  for (const name of ['createCipheriv', 'createDecipheriv'])
    replace(crypto, name, (was) =>
      seen(was, (args, made) => {
        const [name, key] = args as [string, CipherKey]
        if (/wrap|gcm/.test(name)) hiding.add(made as object)
        if (ArrayBuffer.isView(key)) learn(key as Uint8Array)
      }),
    )
  const ciphers = [original.Cipheriv, original.Decipheriv] as unknown as { prototype: Cipheriv | Decipheriv }[]
  for (const [index, { prototype }] of ciphers.entries())
    replace(
      prototype,
      'update',
      (was) =>
        function (this: unknown, ...args) {
          return seen(
            (...given) => was.apply(this, given),
            ([input], output) => {
              if (!hiding.has(this as object)) return
              const secret = index === 0 ? input : output
              if (ArrayBuffer.isView(secret)) learn(secret as Uint8Array)
            },
          ).apply(this, args)
        },
    )
  for (const key of [secretKey, pair.privateKey])
    replace(Object.getPrototypeOf(key) as object, 'export', (was) =>
      seen(was, (_, got) => {
        if (ArrayBuffer.isView(got)) learn(got as Uint8Array)
      }),
    )
  replace(
    crypto.subtle,
    'decrypt',
    (was) =>
      async function (this: unknown, ...args) {
        const got = await was.apply(this, args)
        if (places !== undefined) learn(new Uint8Array(got as ArrayBuffer))
        note(got)
        return got
      },
  )
  for (const name of ['alloc', 'allocUnsafe', 'allocUnsafeSlow', 'concat', 'from'])
    replace(
      Buffer,
      name,
      (was) =>
        function (this: unknown, ...args) {
          const got = was.apply(this, args)
          note(got)
          return got
        },
    )
  watchArrays()
  replace(
    Buffer.prototype as object,
    'toString',
    (was) =>
      function (this: unknown, ...args) {
        const [, start, end] = args as [unknown, number | undefined, number | undefined]
        if (places !== undefined && this instanceof Uint8Array) note(original.from(this.subarray(start, end)), true)
        return was.apply(this, args)
      },
  )
  // Where there is no Jest between.
  syncBuiltinESMExports()
}

/** Of what is called otherwise, as a token is: these count, and may fail, too. */
export function watchCalls(owner: object, ...names: readonly string[]): void {
  for (const name of names) replace(owner, name, (was) => seen(was))
}

/** What is made while this is called is kept by what it makes. */
export function watchMaking(owner: object, name: string): void {
  replace(owner, name, (was) => (...args) => {
    isStanding = true
    try {
      return was.apply(owner, args)
    } finally {
      isStanding = false
    }
  })
}

/** What is made by its constructor, which libraries look for by its name. */
function watchArrays(): void {
  const was = globalThis.Uint8Array
  globalThis.Uint8Array = new Proxy(was, {
    construct(target, args, asked) {
      const made = Reflect.construct(target, args, asked) as Uint8Array
      note(made)
      return made
    },
  })
  // Shamir's library asks for it.
  Object.defineProperty(was.prototype, 'constructor', {
    value: globalThis.Uint8Array,
    configurable: true,
    writable: true,
  })
  put.push(() => {
    globalThis.Uint8Array = was
    Object.defineProperty(was.prototype, 'constructor', { value: was, configurable: true, writable: true })
  })
}

export function stopWatching(): void {
  for (const each of put.splice(0).reverse()) each()
  syncBuiltinESMExports()
}
