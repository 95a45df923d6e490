import { UserError } from '../../../userError.ts'
import { markOwner, requireOwner } from '../roots/ownerMark.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import { CKA, CKO, CKU } from '../library/constants.ts'
import { isProven } from '../keys/provenToken.ts'
import { tenancyRootLabel } from '../keys/tokenRoots.ts'
import { deleteByLabel, initialize, withUser, type NewToken } from './initialize.ts'
import { labelOf } from '../roots/findRoots.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import { createRegionObjects, createRoots, hasRegionObjects, hasRoots } from '../roots/regionObjects.ts'
import { hasLostRecoveryKey, putRecoveryKey, recoveryKeyIn, recoveryPemIn } from '../roots/recoverable.ts'
import { Session } from '../token/session.ts'
import { markIn } from '../roots/vaultMarker.ts'

/**
 * Makes a region's token in a slot that holds an uninitialized one, and its roots there. Where a token of this label is
 * there already it is left as it is, but for roots that an interrupted init did not make. @throws UserError
 */
export function initToken(token: NewToken): 'made' | 'completed' | 'replaced' | 'there already' {
  const { module, label, pin } = token
  const known = module.slotOf(label)
  const isCutOff = known !== undefined && isUnfinishedIn(token, known)
  if (known !== undefined && !isCutOff) putBackRecoveryKey(token, known)
  if (known !== undefined && (isCutOff || isLeftBehind(token, known))) {
    withUser(module, initialize(token, known), pin, (session) => {
      makeRegion(session, token)
    })
    return 'replaced'
  }
  const slot = known ?? initialize(token)
  return withUser(module, slot, pin, (session) => {
    requireSameRecoveryKey(session, token)
    if (known !== undefined && hasRegionObjects(session)) {
      // What a region was started with is found by what it is, whatever else is there.
      if (token.isTaken === false && !isProven(session, 'region')) throw isBroken(token)
      return 'there already'
    }
    makeRegion(session, token)
    return known === undefined ? 'made' : 'completed'
  })
}

function makeRegion(session: Session, token: NewToken): void {
  markAsOwn(session, token)
  createRegionObjects(session)
  if (!isProven(session, 'region')) throw isBroken(token)
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
  if (known !== undefined && !isUnfinishedIn(token, known)) putBackRecoveryKey(token, known)
  const isLeft = known !== undefined && isNobodys(token, known)
  if (known !== undefined && !isLeft && hasRootsOfItsOwn(token, known)) return 'there already'
  const slot = initialize(token, known)
  withUser(module, slot, pin, (session) => {
    markAsOwn(session, token)
    createRoots(session)
    if (!isProven(session, 'vault')) throw isBroken(token)
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
  if (isUnfinishedIn(token, slot) || isLeftBehind(token, slot)) return true
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
    if (token.isTaken === false && markOf(session) === undefined && !isProven(session, 'vault')) throw isBroken(token)
    return true
  })
}

/** Of a version that did not note what it made, or by a token that fails. */
function isBroken({ label, deleteCommand }: NewToken): UserError {
  return new UserError(
    `What the token ${label} has as its keys does nothing: an hsm init was cut off while it made them, or the token fails. Where no cloud and no vault has it, delete it by its vendor's program (SoftHSM: ${deleteCommand ?? deleteByLabel(label)}), and run hsm init again.`,
  )
}

/**
 * Whether it is to be made anew whatever is in it, since whoever began it did not end. INVARIANT: not where a tenancy, a vault or
 * another program has anything in it, nor where nobody can look.
 */
export function isUnfinishedIn({ module, pin, isUnfinished, isTaken }: Found, slot: number): boolean {
  if (isUnfinished !== true || isTaken === true || !module.vendor.hasOfficer) return false
  if (!module.tokenInfo(slot).hasUserPin) return true
  return withUser(module, slot, pin, (session) => markOf(session) === undefined && !hasMore(session))
}

function markOf(session: Session): string | undefined {
  return session.vendor.keepsData ? markIn(session) : undefined
}

/** A tenancy's root, or another program's key. */
function hasMore(session: Session): boolean {
  const keys = [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((each) => session.find([[CKA.CLASS, each]], 256))
  const labels = keys.map((key) => labelOf(session, key)).filter((label) => label !== '')
  return labels.some((label) => label.startsWith(tenancyRootLabel('')) || !label.startsWith('vaultspan '))
}

type Found = Pick<NewToken, 'module' | 'label' | 'pin' | 'unfinished' | 'isUnfinished' | 'isTaken'>

/** That a ceremony may make this token, which is there, anew. @throws UserError */
export function requireReplaceable(token: Found): void {
  const slot = token.module.slotOf(token.label)
  if (slot === undefined || isUnfinishedIn(token, slot)) return
  if (!isLeftBehind({ ...token, recoveryKey: '' }, slot)) throw madeWithoutThem(token.label)
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
