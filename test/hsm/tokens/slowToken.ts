import { CKR } from '../../../lib/hsm/pkcs11/library/constants.ts'
import type { Argument, FunctionName } from '../../../lib/hsm/pkcs11/library/functionList.ts'
import { LoopTurn } from '../../../lib/hsm/pkcs11/library/loopTurn.ts'
import type { Pkcs11Module } from '../../../lib/hsm/pkcs11/library/pkcs11Module.ts'
import { Pkcs11Error } from '../../../lib/hsm/pkcs11/library/pkcs11Error.ts'

/** What the library is made to do between a caller and the token. */
export interface Trouble {
  /** Answered instead of what the function would; undefined: it is called. */
  readonly code?: (name: FunctionName, args: readonly Argument[]) => number | undefined
  /** Changes what the function has answered with CKR_OK. */
  readonly wrong?: ((name: FunctionName, args: readonly Argument[]) => void) | undefined
  /** Waited for before a call on a thread begins. */
  readonly delay?: (name: FunctionName) => Promise<void> | undefined
  /** Milliseconds: the time by which calls are judged to be slow. Undefined: the machine's. */
  readonly now?: number
  /** Told what to call when a turn of the event loop is over. Undefined: it turns by itself. */
  readonly whenTurned?: (over: () => void) => void
}

/** The library with latency and errors in between, both to be changed at any time. */
export function troubled(module: Pkcs11Module, trouble: Trouble): Pkcs11Module {
  const now = () => trouble.now ?? module.now()
  const between: Partial<Pkcs11Module> = {
    now,
    turn: new LoopTurn(now, (over) => {
      const { whenTurned = setImmediate } = trouble
      whenTurned(over)
    }),
    openSession: (slot, flags) => {
      const code = trouble.code?.('C_OpenSession', [slot])
      if (code !== undefined) throw new Pkcs11Error('C_OpenSession', code)
      return module.openSession(slot, flags)
    },
    code: (name, ...args) => {
      const code = trouble.code?.(name, args) ?? module.code(name, ...args)
      if (code === CKR.OK) trouble.wrong?.(name, args)
      return code
    },
    callOnThread: async (name, ...args) => {
      await trouble.delay?.(name)
      const code = trouble.code?.(name, args)
      if (code === CKR.OK) return
      if (code !== undefined) throw new Pkcs11Error(name, code)
      await module.callOnThread(name, ...args)
      trouble.wrong?.(name, args)
    },
  }
  return new Proxy(module, {
    get: (target, name) => {
      const found: unknown = Reflect.get(between, name) ?? Reflect.get(target, name)
      return typeof found === 'function' ? (found.bind(target) as unknown) : found
    },
  })
}
