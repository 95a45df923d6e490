import { UserError } from '../../../userError.ts'
import { CKU } from '../library/constants.ts'
import { pinRefusals } from '../token/lostToken.ts'
import { isPkcs11Error } from '../library/pkcs11Error.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import { Session } from '../token/session.ts'

interface Pins {
  readonly module: Pkcs11Module
  readonly label: string
  readonly soPin: string
  readonly pin: string
}

/** Before anything is made, by what the first token says: a PIN that is refused later leaves a token half made. @throws UserError */
export function requirePins(pins: Pins): void {
  const slot = pins.module.slotOf(pins.label) ?? pins.module.emptySlot(pins.label)
  if (slot !== undefined) requirePinLengths(pins, slot)
}

/** @throws UserError */
export function requirePinLengths({ module, label, soPin, pin }: Pins, slot: number): void {
  const { min, max } = module.tokenInfo(slot).pinLength
  const whose = { 'The service’s': pin, ...(module.vendor.hasOfficer ? { 'The security officer’s': soPin } : {}) }
  for (const [which, each] of Object.entries(whose)) {
    const length = Buffer.byteLength(each)
    if (length < min || length > max)
      throw new UserError(
        `${which} PIN has ${length} bytes, and the token ${label} takes ${min} to ${max}: openssl rand -hex 16 makes one. Nothing was made.`,
      )
  }
}

/** That this officer made the token that is there: others beside it would be another one's. A wrong PIN costs one try. @throws UserError */
export function requireOfficer({ module, label, soPin }: Omit<Pins, 'pin'>): void {
  const slot = module.slotOf(label)
  if (slot === undefined || !module.vendor.hasOfficer) return
  const session = Session.open(module, slot)
  try {
    session.login(CKU.SO, soPin)
    module.call('C_Logout', session.handle)
  } catch (cause) {
    throw refusedOf(label, 'the security officer’s PIN', cause)
  } finally {
    session.close()
  }
}

/** In a sentence, where it is about a PIN: most tokens lock after some wrong ones. */
export function refusedOf(label: string, what: string, cause: unknown): unknown {
  return isPkcs11Error(cause, ...pinRefusals) ? new UserError(refusal(label, what, cause), { cause }) : cause
}

/** The service's PIN was tried and refused: whoever knows its file does not try it again. */
export class UserPinTried extends UserError {
  readonly label: string

  constructor(label: string, cause: Error) {
    super(refusal(label, 'the PIN', cause), { cause })
    this.label = label
  }
}

export function userPinRefused(label: string, cause: unknown): unknown {
  return isPkcs11Error(cause, ...pinRefusals) ? new UserPinTried(label, cause) : cause
}

function refusal(label: string, what: string, { message }: Error): string {
  return `The token ${label} refuses ${what} (${message.replace(/\.$/, '')}): find out which is right before the next attempt, for each counts. Nothing was made.`
}
