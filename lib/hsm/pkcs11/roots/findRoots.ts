import { hash } from 'node:crypto'
import { UserError } from '../../../userError.ts'
import { CKA, CKM, CKO, CKR } from '../library/constants.ts'
import { mechanism, type Mechanism, type Template } from '../library/encode.ts'
import type { RootChecks } from '../../rootChecks.ts'
import { isLoss, isPkcs11Error } from '../library/pkcs11Error.ts'
import { findTrustedRecoveryKeys, hasLostRecoveryKey } from './recoverable.ts'
import type { Handle, Session } from '../token/session.ts'
import { readableAes } from '../token/templates.ts'

/** The two keys under which a token keeps what it is given. */
export interface Roots extends RootPair {
  /** 1 for the first, one more with each rotation. */
  readonly generation: number
  /** What tells them from all others. */
  readonly check: string
}

export interface RootPair {
  /** Wraps and unwraps, and nothing else. */
  readonly wrappingRoot: Handle
  /** Makes MACs, from which keys for what is no secret of the HSM's are derived. */
  readonly macRoot: Handle
}

/** What is in every token that keeps vaults: roots, the newest first. More than one pair only while they are rotated. */
export interface VaultObjects {
  readonly roots: readonly [Roots, ...(readonly Roots[])]
  /** Objects that are called roots, and are none that this service knows. */
  readonly strangers: readonly Handle[]
  /** Whether the token itself vouches for these: made in it, and never out of it. */
  readonly areMadeHere: boolean
}

export const rootLabels = { wrappingRoot: 'vaultspan root: wrapping', macRoot: 'vaultspan root: MAC' } as const
const rootPrefix = 'vaultspan root'

export function rootLabel(which: keyof typeof rootLabels, generation: number): string {
  return generation === 1 ? rootLabels[which] : `${rootLabels[which]} ${generation}`
}

interface Named {
  readonly handle: Handle
  readonly label: string
}

/** By which roots are found. */
export interface HowToFind {
  readonly kwp: Mechanism
  /** Undefined: nothing is known of this token yet. */
  readonly known?: RootChecks | undefined
}

/** @throws UserError where there are no roots, two of one name, or none that are known. */
export function findVaultObjects(session: Session, { kwp, known }: HowToFind): VaultObjects {
  const named = rootsNamed(session)
  const areMadeHere = tellsOrigin(session)
  const fit = areMadeHere ? named.filter(({ handle }) => isMadeHere(session, handle)) : named
  const [newest, ...former] =
    known === undefined ? pairsByName(session, kwp, fit) : pairsByCheck(session, kwp, fit, known)
  if (newest === undefined) throw noRoots(session, named, known)
  const roots = [newest, ...former] as const
  const own = roots.flatMap(({ wrappingRoot, macRoot }) => [wrappingRoot, macRoot])
  const strangers = named.map(({ handle }) => handle).filter((handle) => !own.includes(handle))
  return { roots, strangers, areMadeHere }
}

/** Whatever is called a root. */
function rootsNamed(session: Session): readonly Named[] {
  const all: Template = [
    [CKA.CLASS, CKO.SECRET_KEY],
    [CKA.TOKEN, true],
  ]
  return session
    .find(all, 1024)
    .map((handle) => ({ handle, label: labelOf(session, handle) }))
    .filter(({ label }) => label.startsWith(rootPrefix))
}

/** Of which both roots are there, the newest first: the MAC root is made second. */
export function generations(session: Session): readonly number[] {
  return generationsOf(rootsNamed(session))
}

function generationsOf(named: readonly Named[]): readonly number[] {
  const found = named
    .filter(({ label }) => label.startsWith(rootLabels.macRoot))
    .map(({ label }) => Number(label.slice(rootLabels.macRoot.length)) || 1)
  return [...new Set(found)].sort((one, other) => other - one)
}

function pairsByName(session: Session, kwp: Mechanism, named: readonly Named[]): readonly Roots[] {
  const one = (label: string): Handle => {
    const [found, another] = named.filter((each) => each.label === label)
    if (found !== undefined && another === undefined) return found.handle
    throw noSuchObject(label, another === undefined ? 'no' : 'more than one')
  }
  return generationsOf(named).map((generation) => {
    const wrappingRoot = one(rootLabel('wrappingRoot', generation))
    const macRoot = one(rootLabel('macRoot', generation))
    return { generation, wrappingRoot, macRoot, check: rootCheck(session, kwp, { wrappingRoot, macRoot }) }
  })
}

function pairsByCheck(session: Session, kwp: Mechanism, named: readonly Named[], known: RootChecks): readonly Roots[] {
  const checks = Object.entries(known).map(([generation, check]) => ({ generation: Number(generation), check }))
  return checks
    .sort((one, other) => other.generation - one.generation)
    .flatMap(({ generation, check }) => {
      const [wrapping = '', mac = ''] = check.split('.')
      const find = (which: keyof typeof rootLabels, expected: string, of: (root: Handle) => string) =>
        named.find(
          ({ label, handle }) => label === rootLabel(which, generation) && orNothing(() => of(handle)) === expected,
        )?.handle
      const wrappingRoot = find('wrappingRoot', wrapping, (root) => wrappingCheck(session, kwp, root))
      const macRoot = find('macRoot', mac, (root) => macCheck(session, root))
      return wrappingRoot === undefined || macRoot === undefined ? [] : [{ generation, wrappingRoot, macRoot, check }]
    })
}

/** What tells both from all other keys: what they make of what everybody knows. */
export function rootCheck(session: Session, kwp: Mechanism, { wrappingRoot, macRoot }: RootPair): string {
  return `${wrappingCheck(session, kwp, wrappingRoot)}.${macCheck(session, macRoot)}`
}

/** What every root's check is made of. */
export const checked = Buffer.from('vaultspan/which root is this/1')
/** Wrapped by a root, which does nothing else, to tell it from others: no secret. */
const checkedKey: Template = [...readableAes, [CKA.VALUE, hash('sha256', checked, 'buffer')]]
const cmac = mechanism(CKM.AES_CMAC)

function wrappingCheck(session: Session, kwp: Mechanism, root: Handle): string {
  const key = session.create(checkedKey)
  try {
    return hash('sha256', session.wrap(kwp, root, key), 'base64')
  } finally {
    session.destroy(key)
  }
}

/** INVARIANT: begins with a letter, while what keys are derived from begins with a counter (kdf.ts), and is no text of VaultKeeper's. */
function macCheck(session: Session, root: Handle): string {
  return session.sign(cmac, root, checked).toString('base64')
}

/** Whether it is what the MAC root of this check makes of `checked`. */
export function isMacOfCheck(check: string, mac: Buffer): boolean {
  return check.split('.')[1] === mac.toString('base64')
}

/** An object that is only called a root may not even do what roots do. */
function orNothing(work: () => string): string | undefined {
  try {
    return work()
  } catch (cause) {
    if (isPkcs11Error(cause) && !isLoss(cause)) return undefined
    throw cause
  }
}

/** What custodians have a copy of was out of the token for the moment of the copy, and says so; some libraries do not tell. */
function tellsOrigin(session: Session): boolean {
  return session.vendor.tellsOrigin && findTrustedRecoveryKeys(session).length === 0 && !hasLostRecoveryKey(session)
}

/** A token lets nobody say so of a key that was brought. */
export function isMadeHere(session: Session, key: Handle): boolean {
  const says = session.attributes(key, CKA.LOCAL, CKA.ALWAYS_SENSITIVE, CKA.NEVER_EXTRACTABLE)
  return says.every((each) => each[0] === 1)
}

/** Empty where it has none, which some libraries answer with an error: others may keep objects in our token. */
export function labelOf(session: Session, object: Handle): string {
  try {
    return String(session.attributes(object, CKA.LABEL)[0])
  } catch (cause) {
    if (isPkcs11Error(cause, CKR.ATTRIBUTE_TYPE_INVALID)) return ''
    throw cause
  }
}

function noRoots(session: Session, named: readonly Named[], known: RootChecks | undefined): UserError {
  // The first pair's absence has the text that says what to do.
  if (named.length === 0) return noSuchObject(rootLabels.wrappingRoot, 'no')
  return new UserError(
    known === undefined
      ? `What the token ${session.label()} has by the name of a root was not made in it: somebody with the PIN put it there. Nothing is put under it.`
      : `The token ${session.label()} has none of the roots that the region's state (hsm/REGION.json) knows: it was not written with the token, another token has its label, one of the two was put back to an older copy, or the file was changed. Put back what belongs together.`,
  )
}

export function noSuchObject(label: string, many: string): UserError {
  return new UserError(`The token has ${many} object "${label}". Was it made by hsm init?`)
}
