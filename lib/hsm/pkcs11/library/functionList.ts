import { CKR } from './constants.ts'
import type { Encoded } from './encode.ts'
import { koffi } from './koffi.ts'
import { UserError } from '../../../userError.ts'

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
  C_GetSessionInfo: [15, [word, pointer]],
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

export interface Callable {
  (...args: readonly (number | Buffer | null)[]): number
  readonly async: (...args: readonly unknown[]) => void
}

/**
 * In the event loop. Those of one encryption are written out: to spread arguments costs more than koffi itself does.
 * INVARIANT: whoever calls this keeps `args` until it is over.
 */
export function callNow(callable: Callable, args: readonly Argument[]): number {
  switch (args.length) {
    case 2:
      return callable(memoryOf(args[0]), memoryOf(args[1]))
    case 3:
      return callable(memoryOf(args[0]), memoryOf(args[1]), memoryOf(args[2]))
    case 5:
      return callable(memoryOf(args[0]), memoryOf(args[1]), memoryOf(args[2]), memoryOf(args[3]), memoryOf(args[4]))
    default:
      return callable(...args.map((argument) => memoryOf(argument)))
  }
}

/** What koffi takes for it. */
export function memoryOf(argument: Argument = null): number | Buffer | null {
  return typeof argument === 'number' || argument === null || isBytes(argument) ? argument : argument.bytes
}

/** Any view is a Buffer here, which would take longer to tell. */
function isBytes(argument: Buffer | Encoded): argument is Buffer {
  return ArrayBuffer.isView(argument)
}

const libraries: unknown[] = []

export function functionsOf(path: string): readonly [FunctionName, Callable][] {
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
