import { KmsError } from '../../errors.ts'
import { UserError } from '../../userError.ts'
import { CKR } from './constants.ts'

export const retrySeconds = 1

/** These say that the PIN is not to be tried again: three wrong ones lock most tokens. */
export const pinRefusals = [
  CKR.PIN_INCORRECT,
  CKR.PIN_LEN_RANGE,
  CKR.PIN_EXPIRED,
  CKR.PIN_LOCKED,
  CKR.USER_PIN_NOT_INITIALIZED,
]

export function lost(label: string, cause?: unknown): KmsError {
  return new KmsError('unavailable', `The HSM does not answer (token ${label}); try again.`, {
    retryAfter: retrySeconds,
    ...(cause === undefined ? {} : { cause }),
  })
}

export function pinRefused(label: string, cause?: unknown): UserError {
  return new UserError(
    `The token ${label} refuses the PIN. It is not tried again, by another start neither, until the file of PKCS11_PIN_FILE is written anew.`,
    cause === undefined ? {} : { cause },
  )
}
