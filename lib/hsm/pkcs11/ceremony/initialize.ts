import { UserError } from '../../../userError.ts'
import type { TokenOwner } from '../roots/ownerMark.ts'
import { CKR, CKU } from '../library/constants.ts'
import { isPkcs11Error, type Pkcs11Error } from '../library/pkcs11Error.ts'
import { refusedOf, requirePinLengths, userPinRefused } from './requirePins.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import { putRecoveryKey } from '../roots/recoverable.ts'
import { Session } from '../token/session.ts'
import { removeUnborn } from './unbornToken.ts'

export interface NewToken {
  readonly module: Pkcs11Module
  readonly label: string
  /** The security officer's: makes the token and sets the user's PIN, and can use no key. */
  readonly soPin: string
  /** The service's. */
  readonly pin: string
  /** PEM of the custodians' key; absent: there are none. */
  readonly recoveryKey?: string
  /** PEM of keys of ceremonies that did not end: a token under one of them is made anew. */
  readonly unfinished?: readonly string[]
  /** Of a pool's: whether the region's state says that a vault has it. False: one of other custodians is made anew. */
  readonly isTaken?: boolean
  /** Whether a command has begun to make it, and was cut off: what it has left is made anew. */
  readonly isUnfinished?: boolean
  /** Where SoftHSM keeps it, where that is in the data directory itself. */
  readonly folder?: string | undefined
  /** Called before anything of it is made. Durable when it returns. */
  readonly begin?: () => void
  /** What deletes a token of SoftHSM with this label, in whatever shell. */
  readonly deleteCommand?: string
  /** Whose it is to be, and must be where it is there; undefined: it lies in the data directory itself. */
  readonly owner?: TokenOwner | undefined
}

export function withUser<R>(module: Pkcs11Module, slot: number, pin: string, work: (session: Session) => R): R {
  const session = Session.open(module, slot)
  try {
    try {
      session.login(CKU.USER, pin)
    } catch (cause) {
      throw userPinRefused(module.tokenInfo(slot).label, cause)
    }
    return work(session)
  } finally {
    session.close()
  }
}

/** In an empty slot, or over the token of this one. @throws UserError */
export function initialize(token: NewToken, over?: number): number {
  const { module, label, soPin, pin, recoveryKey } = token
  const { vendor } = module
  if (recoveryKey !== undefined && !(vendor.keepsData && vendor.marksTrusted))
    throw new UserError(
      `${vendor.name} ${vendor.keepsData ? "marks no key as trusted, as the custodians' must be" : 'keeps no data objects, in which the copies for custodians are'}: it takes none.`,
    )
  const empty = over ?? module.emptySlot(label)
  if (empty === undefined)
    throw new UserError(
      `${module.path} has no slot with an empty token for ${label}${vendor.labelsByArguments ? '; name one of this label in PKCS11_INIT_ARGUMENTS' : ''}.`,
    )
  const name = Buffer.alloc(32, ' ')
  if (name.write(label) < Buffer.byteLength(label))
    throw new UserError(`A token's label has at most 32 bytes: ${label}`)
  requirePinLengths({ module, label, soPin, pin }, empty)
  const [officer, user] = [Buffer.from(soPin), Buffer.from(pin)]
  const init = (slot: number) => {
    module.call('C_InitToken', slot, officer, officer.length, name)
  }
  // Without a user's PIN there is nothing in it. That it takes no officer's then may be as it was cut off in C_InitToken.
  const isUnborn = over !== undefined && vendor.hasOfficer && !module.tokenInfo(over).hasUserPin
  try {
    token.begin?.()
    try {
      const former = over === undefined ? '' : module.tokenInfo(over).label
      try {
        init(empty)
      } catch (cause) {
        // SoftHSM stumbles, once, over an object that whoever was killed had half written, and removes it only with the next start.
        if (over === undefined || !isPkcs11Error(cause, CKR.DEVICE_ERROR) || !module.restart()) throw cause
        init(module.slotOf(former) ?? over)
      }
      // The slot may have another number from now on.
      const slot = module.slotOf(label) ?? empty
      const session = Session.open(module, slot)
      try {
        session.login(CKU.SO, vendor.hasOfficer ? soPin : '')
        module.call('C_InitPIN', session.handle, user, user.length)
        if (recoveryKey !== undefined) putRecoveryKey(session, recoveryKey)
        module.call('C_Logout', session.handle)
      } finally {
        session.close()
      }
      return slot
    } catch (cause) {
      if (!isUnborn || !isPkcs11Error(cause, CKR.PIN_INCORRECT))
        throw refusedOf(label, 'the security officer’s PIN', cause)
      if (removed(token, module.slotOf(label) ?? over)) return initialize(token)
      throw unborn(token, cause)
    }
  } finally {
    officer.fill(0)
    user.fill(0)
  }
}

function removed({ module, folder }: NewToken, slot: number): boolean {
  return folder !== undefined && removeUnborn(module, slot, folder)
}

function unborn({ label, deleteCommand }: NewToken, cause: Pkcs11Error): UserError {
  return new UserError(
    `The token ${label} is half made and does not take the security officer’s PIN (${cause.message.replace(/\.$/, '')}): it was cut off before it had one, or another officer began it. Nothing is in it: delete it by its vendor's program (SoftHSM: ${deleteCommand ?? deleteByLabel(label)}), and run this again.`,
    { cause },
  )
}

/** Where no place of tokens is named. */
export function deleteByLabel(label: string): string {
  return `softhsm2-util --delete-token --token "${label}"`
}
