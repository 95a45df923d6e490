import { isKmsError } from '../../lib/errors.ts'
import { Violation } from './violation.ts'

/** @throws Violation for what no fault of this simulation explains. */
export function requireHonest(where: string, cause: unknown): void {
  if (cause instanceof Violation) throw cause
  const isBug = cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError
  if (isBug || isKmsError(cause, 'integrityFailure')) {
    throw new Violation(`${where} ${Error.isError(cause) ? (cause.stack ?? cause.message) : ''}`)
  }
}
