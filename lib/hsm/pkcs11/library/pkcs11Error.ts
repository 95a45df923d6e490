import { keysOf } from '../../../keysOf.ts'
import { CKR } from './constants.ts'

/** What a function of the module answered other than CKR_OK. */
export class Pkcs11Error extends Error {
  readonly code: number
  readonly function: string

  constructor(name: string, code: number) {
    super(`${name} answered ${codeName(code)}.`)
    this.name = 'Pkcs11Error'
    this.code = code
    this.function = name
  }
}

/** A function of the module answered CKR_OK, and what it gave cannot be. */
export class WrongAnswer extends Error {}

export function requireFit(length: number, limit: number): number {
  if (length <= limit) return length
  throw new WrongAnswer('The token answers more than there can be.')
}

export function wrongLength(): WrongAnswer {
  return new WrongAnswer('The token makes MACs of another length.')
}

function codeName(code: number): string {
  const known = keysOf(CKR).find((name) => CKR[name] === code)
  return known === undefined ? `code 0x${code.toString(16)}` : `CKR_${known}`
}

export function isPkcs11Error(error: unknown, ...codes: readonly number[]): error is Pkcs11Error {
  return error instanceof Pkcs11Error && (codes.length === 0 || codes.includes(error.code))
}

/**
 * After these nothing that was opened can be relied on: the session, the login and every session object may be gone. A
 * handle that the token does not know counts too, since we use only those that it gave us.
 */
const losses: readonly number[] = [
  CKR.HOST_MEMORY,
  CKR.SLOT_ID_INVALID,
  CKR.DEVICE_ERROR,
  CKR.DEVICE_MEMORY,
  CKR.DEVICE_REMOVED,
  CKR.KEY_HANDLE_INVALID,
  CKR.OBJECT_HANDLE_INVALID,
  CKR.OPERATION_ACTIVE,
  CKR.OPERATION_NOT_INITIALIZED,
  CKR.SESSION_CLOSED,
  CKR.SESSION_COUNT,
  CKR.SESSION_HANDLE_INVALID,
  CKR.TOKEN_NOT_PRESENT,
  CKR.TOKEN_NOT_RECOGNIZED,
  CKR.UNWRAPPING_KEY_HANDLE_INVALID,
  CKR.WRAPPING_KEY_HANDLE_INVALID,
  CKR.USER_NOT_LOGGED_IN,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]

/** Of these there is no other reading: no mechanism and no bytes are at fault. */
const gone: readonly number[] = [
  CKR.DEVICE_REMOVED,
  CKR.SESSION_CLOSED,
  CKR.SESSION_HANDLE_INVALID,
  CKR.TOKEN_NOT_PRESENT,
  CKR.USER_NOT_LOGGED_IN,
  CKR.CRYPTOKI_NOT_INITIALIZED,
]

export function isGone(error: unknown): boolean {
  return isPkcs11Error(error, ...gone)
}

/** Mean anything: also that bytes do not open, which is no loss where a caller's bytes were at work. */
const generalOnes: readonly number[] = [CKR.GENERAL_ERROR, CKR.FUNCTION_FAILED]

export function isLoss(error: unknown, { isGeneralOne = true } = {}): boolean {
  return isPkcs11Error(error, ...losses) || (isGeneralOne && isPkcs11Error(error, ...generalOnes))
}
