import { KmsError } from '../../../errors.ts'
import { UserError } from '../../../userError.ts'
import { CKR } from '../library/constants.ts'
import { isLoss, isPkcs11Error, WrongAnswer } from '../library/pkcs11Error.ts'

export const retrySeconds = 1

/** These say that the PIN is not to be tried again: three wrong ones lock most tokens. */
export const pinRefusals = [CKR.PIN_INCORRECT, CKR.PIN_LEN_RANGE, CKR.PIN_EXPIRED, CKR.PIN_LOCKED]

export function lost(label: string, cause?: unknown): KmsError {
  return new KmsError('unavailable', `The HSM does not answer (token ${label}); try again.`, {
    retryAfter: retrySeconds,
    ...(cause === undefined ? {} : { cause }),
  })
}

/**
 * It answers, and not with what was asked for. Nobody else's bytes are at work where this is thrown: they are no key that is
 * damaged, nor a request that is wrong, whatever the code says.
 */
function failing(label: string, cause: unknown): unknown {
  if (!isPkcs11Error(cause) && !(cause instanceof WrongAnswer)) return cause
  return new KmsError('unavailable', `The HSM fails (token ${label}): ${cause.message} Try again.`, {
    retryAfter: retrySeconds,
    cause,
  })
}

/** Whatever the library said of the call: as `lost` or as `failing`. */
export function asFailure(label: string, cause: unknown): unknown {
  return isLoss(cause) ? lost(label, cause) : failing(label, cause)
}

/** Cut off between C_InitToken and C_InitPIN: no PIN was refused, and nothing is in it. Undefined: `cause` says something else. */
export function halfMade(label: string, cause: unknown): UserError | undefined {
  if (!isPkcs11Error(cause, CKR.USER_PIN_NOT_INITIALIZED)) return undefined
  return new UserError(
    `The token ${label} is half made: hsm init, or hsm restore, was cut off before it had a user's PIN. Nothing is in it: run that again.`,
    { cause },
  )
}

export class PinRefused extends UserError {}

export function pinRefused(label: string, cause?: unknown): PinRefused {
  return new PinRefused(
    `The token ${label} refuses the PIN. It is not tried again, by another start neither, until the file of PKCS11_PIN_FILE is written anew.`,
    cause === undefined ? {} : { cause },
  )
}
