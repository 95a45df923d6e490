import type { RefusalReason } from './refusalReasons.ts'

/**
 * Every reason for which Vaultspan refuses a request: one closed union. lib/http/errorTable.ts maps each code to the wire.
 * Anything else that is thrown is a bug and answers 500.
 */
export type ErrorCode =
  | 'cannotParseRequest'
  | 'invalidParameter'
  | 'missingParameter'
  | 'limitExceeded'
  | 'notAuthenticated'
  | 'notInHomeRegion'
  | 'notAuthorizedOrNotFound'
  | 'noSuchRoute'
  | 'methodNotAllowed'
  | 'incorrectState'
  | 'conflict'
  | 'invalidatedRetryToken'
  | 'nameAlreadyExists'
  | 'noEtagMatch'
  | 'payloadTooLarge'
  | 'headersTooLarge'
  | 'tooManyRequests'
  | 'notImplemented'
  | 'handOffPending'
  | 'unavailable'
  | 'cannotStore'
  | 'integrityFailure'

/** The message is shown to the caller: one sentence that says what is wrong and what to do, without secrets. */
export class KmsError extends Error {
  readonly code: ErrorCode
  /** Whole seconds after which the caller may try again. */
  readonly retryAfter: number | undefined
  /** The true one, where the message may not tell it: for the operator's log alone. */
  readonly reason: RefusalReason | undefined

  constructor(code: ErrorCode, message: string, options?: ErrorOptions & KmsErrorOptions) {
    super(message, options)
    this.name = 'KmsError'
    this.code = code
    this.retryAfter = options?.retryAfter
    this.reason = options?.reason
  }
}

/** What is in a token goes to no process elsewhere unless the settings say so: no fault, and the same however often it is asked. */
export class KeptInToken extends KmsError {
  constructor(message: string) {
    super('integrityFailure', message)
  }
}

interface KmsErrorOptions {
  readonly retryAfter?: number
  readonly reason?: RefusalReason
}

/**
 * Absent and forbidden are the same error with the same text (contract §7.2), so that nobody can probe for ids. It has no
 * stack: to take one costs more the deeper it is made, by which the two could be told apart, and the reason says what it was.
 */
export function notFoundOrForbidden(reason: RefusalReason, text = notFoundText): KmsError {
  const { stackTraceLimit } = Error
  Error.stackTraceLimit = 0
  try {
    return new KmsError('notAuthorizedOrNotFound', text, { reason })
  } finally {
    Error.stackTraceLimit = stackTraceLimit
  }
}

export const notFoundText = 'Authorization failed or requested resource not found.'

/** Damaged, of another key, with other associatedData: one text for all, so that nobody learns which (contract §6.2). */
export function doesNotOpen(reason: RefusalReason): KmsError {
  return new KmsError('invalidParameter', 'The ciphertext does not open with this key and associatedData.', { reason })
}

/** The same for RSA, whose ciphertexts do not say which version made them. */
export function rsaDoesNotOpen(): KmsError {
  return new KmsError(
    'invalidParameter',
    'The ciphertext does not open with this key version. An RSA ciphertext does not name its version: give the keyVersionId and the encryptionAlgorithm that Encrypt answered with it.',
  )
}

/** True for a KmsError with one of these codes. */
export function isKmsError(error: unknown, ...codes: readonly ErrorCode[]): error is KmsError {
  return error instanceof KmsError && (codes.length === 0 || codes.includes(error.code))
}
