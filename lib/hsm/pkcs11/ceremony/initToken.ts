import { UserError } from '../../../userError.ts'
import { markOwner, requireOwner, type TokenOwner } from '../roots/ownerMark.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import { CKA, CKO, CKR, CKU } from '../library/constants.ts'
import { isPkcs11Error } from '../library/pkcs11Error.ts'
import { refusedOf, requirePinLengths, userPinRefused } from './requirePins.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import { createRegionObjects, createRoots, hasRegionObjects, hasRoots } from '../roots/regionObjects.ts'
import { hasLostRecoveryKey, putRecoveryKey, recoveryKeyIn, recoveryPemIn } from '../roots/recoverable.ts'
import { Session } from '../token/session.ts'
import { markIn } from '../roots/vaultMarker.ts'

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
  /** What deletes a token of SoftHSM with this label, in whatever shell. */
  readonly deleteCommand?: string
  /** Whose it is to be, and must be where it is there; undefined: it lies in the data directory itself. */
  readonly owner?: TokenOwner | undefined
}

/**
 * Makes a region's token in a slot that holds an uninitialized one, and its roots there. Where a token of this label is
 * there already it is left as it is, but for roots that an interrupted init did not make. @throws UserError
 */
export function initToken(token: NewToken): 'made' | 'completed' | 'replaced' | 'there already' {
  const { module, label, pin } = token
  const known = module.slotOf(label)
  if (known !== undefined) putBackRecoveryKey(token, known)
  if (known !== undefined && isLeftBehind(token, known)) {
    withUser(module, initialize(token, known), pin, (session) => {
      markAsOwn(session, token)
      createRegionObjects(session)
    })
    return 'replaced'
  }
  const slot = known ?? initialize(token)
  return withUser(module, slot, pin, (session) => {
    requireSameRecoveryKey(session, token)
    if (known !== undefined && hasRegionObjects(session)) return 'there already'
    markAsOwn(session, token)
    createRegionObjects(session)
    return known === undefined ? 'made' : 'completed'
  })
}

/**
 * Makes a token of a private vault's. One that is there with its roots stays, whoever has it; one without any is spent, or
 * was left by an interrupted init: it is initialized anew, which zeroises what it ever held. @throws UserError
 */
export function initPartition(token: NewToken): 'made' | 'made anew' | 'replaced' | 'there already' {
  const { module, label, pin } = token
  if (!module.vendor.keepsData)
    throw new UserError(
      `${module.vendor.name} keeps no data objects, by which a private vault's token names its vault: make none (--private 0).`,
    )
  const known = module.slotOf(label)
  if (known !== undefined) putBackRecoveryKey(token, known)
  const isLeft = known !== undefined && isNobodys(token, known)
  if (known !== undefined && !isLeft && hasRootsOfItsOwn(token, known)) return 'there already'
  const slot = initialize(token, known)
  withUser(module, slot, pin, (session) => {
    markAsOwn(session, token)
    createRoots(session)
  })
  if (isLeft) return 'replaced'
  return known === undefined ? 'made' : 'made anew'
}

/** Whether a token of a pool that no vault has is to be made anew. `isTaken`: by what the region's state says. */
export function isToBeMadeAnew(token: Found & Pick<NewToken, 'recoveryKey' | 'isTaken'>): boolean {
  const slot = token.module.slotOf(token.label)
  return slot !== undefined && isNobodys(token, slot)
}

/** Left by an init that broke off, or made for others than the cloud's custodians: in neither there is anything of a vault. */
function isNobodys(token: Found & Pick<NewToken, 'recoveryKey' | 'isTaken'>, slot: number): boolean {
  const { module, pin, recoveryKey, isTaken } = token
  if (isLeftBehind(token, slot)) return true
  if (recoveryKey === undefined || isTaken !== false || !module.vendor.keepsData) return false
  return withUser(
    module,
    slot,
    pin,
    (session) =>
      markIn(session) === undefined &&
      !hasLostRecoveryKey(session) &&
      hasRoots(session) &&
      recoveryPemIn(session) !== recoveryKey,
  )
}

/** What somebody with the PIN has deleted; by the officer, without whom it is not trusted. */
function putBackRecoveryKey({ module, soPin, pin, recoveryKey }: NewToken, slot: number): void {
  if (recoveryKey === undefined || !module.tokenInfo(slot).hasUserPin) return
  if (!withUser(module, slot, pin, hasLostRecoveryKey)) return
  const session = Session.open(module, slot)
  try {
    session.login(CKU.SO, soPin)
    putRecoveryKey(session, recoveryKey)
    module.call('C_Logout', session.handle)
  } finally {
    session.close()
  }
}

/** Cut off between C_InitToken and C_InitPIN. */
export function isHalfMade(module: Pkcs11Module, label: string): boolean {
  const slot = module.slotOf(label)
  return slot !== undefined && module.vendor.hasOfficer && !module.tokenInfo(slot).hasUserPin
}

/** It is there, and has not what `kind` needs: it was emptied, or a restore was cut off. */
export function lacksRoots(
  { module, label, pin }: Pick<NewToken, 'module' | 'label' | 'pin'>,
  kind: 'region' | 'vault',
) {
  const slot = module.slotOf(label)
  if (slot === undefined || !module.tokenInfo(slot).hasUserPin) return false
  const isWhole = kind === 'region' ? hasRegionObjects : hasRoots
  return withUser(module, slot, pin, (session) => !isWhole(session))
}

/** One that was emptied with its vault names none any more. */
export function namesVault({ module, label, pin }: Pick<NewToken, 'module' | 'label' | 'pin'>): boolean {
  const slot = module.slotOf(label)
  if (slot === undefined || !module.tokenInfo(slot).hasUserPin || !module.vendor.keepsData) return false
  return withUser(module, slot, pin, (session) => markIn(session) !== undefined)
}

/** Before there are keys: a token that has any and no mark is of an older version. */
function markAsOwn(session: Session, { owner }: NewToken): void {
  if (owner !== undefined) markOwner(session, owner)
}

/** A token that is there already is nobody else's. @throws UserError */
export function requireInitiable({ module, label, pin, owner }: Pick<NewToken, 'module' | 'label' | 'pin' | 'owner'>) {
  const slot = module.slotOf(label)
  if (owner === undefined || slot === undefined || !module.tokenInfo(slot).hasUserPin) return
  withUser(module, slot, pin, (session) => {
    const keys = [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((each) => session.find([[CKA.CLASS, each]]))
    if (keys.length > 0) requireOwner(session, label, owner)
  })
}

/** @throws UserError where it has them for other custodians */
function hasRootsOfItsOwn(token: NewToken, slot: number): boolean {
  return withUser(token.module, slot, token.pin, (session) => {
    if (!hasRoots(session)) return false
    requireSameRecoveryKey(session, token)
    return true
  })
}

type Found = Pick<NewToken, 'module' | 'label' | 'pin' | 'unfinished'>

/** That a ceremony may make this token, which is there, anew. @throws UserError */
export function requireReplaceable(token: Found): void {
  const slot = token.module.slotOf(token.label)
  if (slot !== undefined && !isLeftBehind({ ...token, recoveryKey: '' }, slot)) throw madeWithoutThem(token.label)
}

/**
 * Whether an init that broke off has left it: without a PIN, without anything that a ceremony needs, or with the key of one that
 * did not end. Nothing was kept by it: what names a private vault was.
 */
function isLeftBehind(
  { module, pin, unfinished = [], recoveryKey }: Found & Pick<NewToken, 'recoveryKey'>,
  slot: number,
) {
  if (!module.vendor.keepsData || !module.vendor.hasOfficer) return false
  if (!module.tokenInfo(slot).hasUserPin) return true
  return withUser(module, slot, pin, (session) => {
    if (recoveryKey !== undefined && session.find([]).length === 0) return true
    const own = recoveryKeyIn(session)
    return own !== undefined && unfinished.includes(publicKeyPem(own)) && markIn(session) === undefined
  })
}

/** A token is made with its custodians or without them: what is in it cannot leave it for others later. @throws UserError */
function requireSameRecoveryKey(session: Session, { label, recoveryKey }: NewToken): void {
  const own = recoveryKeyIn(session)
  if ((own === undefined) === (recoveryKey === undefined) && (own === undefined || publicKeyPem(own) === recoveryKey))
    return
  throw new UserError(
    recoveryKey === undefined
      ? `The token ${label} was made with custodians: put hsm/recovery.json back, which every backup of it has.`
      : madeWithoutThem(label).message,
  )
}

function madeWithoutThem(label: string): UserError {
  return new UserError(
    `The token ${label} is there already, and was made without these custodians, who are chosen when tokens are made. Take new tokens, by another PKCS11_LABEL and in a --data of their own; or delete it by its vendor's program, where no vault has it.`,
  )
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
export function initialize({ module, label, soPin, pin, recoveryKey }: NewToken, over?: number): number {
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
  try {
    try {
      const former = over === undefined ? '' : module.tokenInfo(over).label
      try {
        init(empty)
      } catch (cause) {
        // SoftHSM stumbles, once, over an object that whoever was killed had half written, and removes it only with the next start.
        if (over === undefined || !isPkcs11Error(cause, CKR.DEVICE_ERROR) || !module.restart()) throw cause
        init(module.slotOf(former) ?? over)
      }
    } catch (cause) {
      throw refusedOf(label, 'the security officer’s PIN', cause)
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
  } finally {
    officer.fill(0)
    user.fill(0)
  }
}
