import { isKmsError } from '../../lib/errors.ts'
import { InjectedFault } from './injectedFault.ts'
import { Violation } from './violation.ts'

/** @throws Violation for what no fault of this simulation explains. */
export function requireHonest(where: string, cause: unknown): void {
  if (cause instanceof Violation) throw cause
  const isBug = cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError
  if (isBug || isKmsError(cause, 'integrityFailure')) {
    throw new Violation(`${where} ${Error.isError(cause) ? (cause.stack ?? cause.message) : ''}`)
  }
}

/** @throws Violation for a failure that is neither an answer, nor injected, nor that of a peer that cannot be reached. */
export function requireExplained(where: string, cause: unknown): void {
  if (isKmsError(cause) || cause instanceof InjectedFault) return
  const text = Error.isError(cause) ? cause.message : ''
  if (/unreachable|did not answer within/.test(text)) return
  throw new Violation(`${where} ${Error.isError(cause) ? (cause.stack ?? text) : ''}`)
}
