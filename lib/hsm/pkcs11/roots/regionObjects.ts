import { setImmediate } from 'node:timers/promises'
import type { KeyObject } from 'node:crypto'
import { keysOf } from '../../../keysOf.ts'
import type { Abilities } from '../token/abilities.ts'
import { CKA, CKK, CKM, CKO, CKR } from '../library/constants.ts'
import { mechanism, type Template } from '../library/encode.ts'
import { isPkcs11Error } from '../library/pkcs11Error.ts'
import { ecPublicKey, oids } from '../token/publicKeys.ts'
import { findRecoveryKey, keepWithCopy, keepWithCopyOnThread, removeCopy } from './recoverable.ts'
import {
  findVaultObjects,
  generations,
  noSuchObject,
  rootLabel,
  rootLabels,
  type HowToFind,
  type RootPair,
  type VaultObjects,
} from './findRoots.ts'
import { allowing, ecPrivateTemplate, sessionPrivate, signsOnly } from '../token/templates.ts'
import type { Handle, Session } from '../token/session.ts'

/** What `hsm init` makes in a region's token, and every start looks up. */
export interface RegionObjects extends VaultObjects {
  /** P-384, signs in the region's name. */
  readonly identity: Handle
  readonly identityPublic: Handle
}

export const identityLabel = 'vaultspan identity'

const stays: Template = [
  [CKA.TOKEN, true],
  [CKA.PRIVATE, true],
  [CKA.SENSITIVE, true],
  [CKA.EXTRACTABLE, false],
  [CKA.MODIFIABLE, false],
  [CKA.COPYABLE, false],
]

const aes256: Template = [
  [CKA.CLASS, CKO.SECRET_KEY],
  [CKA.KEY_TYPE, CKK.AES],
]

/** What is unwrapped by the root can be read by nobody, nor stay in the token, whatever its unwrapper asks for. */
const unwrapTemplate: Template = [
  [CKA.SENSITIVE, true],
  [CKA.TOKEN, false],
]

const newAes = mechanism(CKM.AES_KEY_GEN)
const length: Template = [[CKA.VALUE_LEN, 32]]

/** Of what stays in a token under this label: a wrapping root, a MAC root, or a signer's private half. */
export function stayingTemplate({ vendor }: Pick<Session, 'vendor'>, label: string): Template {
  const named: Template = [
    ...stays.filter(([type]) => vendor.takesCopyable || type !== CKA.COPYABLE),
    [CKA.LABEL, Buffer.from(label)],
  ]
  if (label.startsWith(rootLabels.wrappingRoot)) {
    const bound: Template = vendor.enforcesUnwrapTemplate ? [[CKA.UNWRAP_TEMPLATE, unwrapTemplate]] : []
    return [...aes256, ...named, ...allowing([CKA.WRAP, CKA.UNWRAP]), ...bound]
  }
  if (label.startsWith(rootLabels.macRoot)) return [...aes256, ...named, ...allowing([CKA.SIGN])]
  return [[CKA.CLASS, CKO.PRIVATE_KEY], [CKA.KEY_TYPE, CKK.EC], ...named, [CKA.SIGN, true], ...signsOnly]
}

/** Makes the objects of a region in an empty token. @throws Pkcs11Error */
export function createRegionObjects(session: Session): void {
  createRoots(session)
  createSigner(session, identityLabel)
}

/** A pair of roots; what an interrupted attempt left of this generation goes. @throws Pkcs11Error */
export function createRoots(session: Session, generation = 1): RootPair {
  destroyRoots(session, generation)
  const wrappingRoot = createRoot(session, rootLabel('wrappingRoot', generation))
  return { wrappingRoot, macRoot: createRoot(session, rootLabel('macRoot', generation)) }
}

/** As `createRoots`, off the event loop: what stays in a token is written to a disk, and so is the custodians' copy of it. */
export async function createRootsOnThread(
  session: Session,
  abilities: Abilities,
  generation: number,
): Promise<RootPair> {
  destroyRoots(session, generation)
  const create = async (which: keyof typeof rootLabels) => {
    const label = rootLabel(which, generation)
    const [recoveryKey, template] = [findRecoveryKey(session), stayingTemplate(session, label)]
    const root =
      recoveryKey === undefined
        ? await session.generateKeyOnThread(newAes, [...template, ...length])
        : await keepWithCopyOnThread(session, abilities, {
            made: extractableRoot(session),
            recoveryKey,
            label,
            template,
          })
    await setImmediate()
    return root
  }
  const wrappingRoot = await create('wrappingRoot')
  return { wrappingRoot, macRoot: await create('macRoot') }
}

function createRoot(session: Session, label: string): Handle {
  const [recoveryKey, template] = [findRecoveryKey(session), stayingTemplate(session, label)]
  if (recoveryKey === undefined) return session.generateKey(newAes, [...template, ...length])
  return keepWithCopy(session, { made: extractableRoot(session), recoveryKey, label, template })
}

function extractableRoot(session: Session): Handle {
  return session.generateKey(newAes, [...aes256, ...sessionPrivate(true), ...allowing([]), ...length])
}

export function destroyRoots(session: Session, generation: number): void {
  for (const which of keysOf(rootLabels)) {
    const label = rootLabel(which, generation)
    for (const object of session.find(labelled(CKO.SECRET_KEY, label))) removeIfAllowed(session, object)
    removeCopy(session, label)
  }
}

/** Who puts an object there may say that nobody destroys it; ours never do. */
function removeIfAllowed(session: Session, object: Handle): void {
  try {
    session.remove(object)
  } catch (cause) {
    if (!isPkcs11Error(cause, CKR.ACTION_PROHIBITED)) throw cause
  }
}

/** Objects that are called roots and are none: nothing was ever put under them. */
export function removeStrangers(session: Session, { strangers }: VaultObjects): void {
  for (const object of strangers) removeIfAllowed(session, object)
}

/** Everything that lies in the token, but for `kept`. It is of one vault: whatever was left by whomever goes, too. */
export function destroyVaultObjects(session: Session, kept: readonly Handle[]): void {
  for (;;) {
    const found = session.find([[CKA.TOKEN, true]], 64).filter((object) => !kept.includes(object))
    if (found.length === 0) return
    for (const object of found) session.remove(object)
  }
}

/** A P-384 pair that stays in the token. Resolves with its public half. */
export function createSigner(session: Session, label: string): Handle {
  const recoveryKey = findRecoveryKey(session)
  const make = (isToken: boolean, template: Template) =>
    session.generateKeyPair(
      mechanism(CKM.EC_KEY_PAIR_GEN),
      [
        [CKA.TOKEN, isToken],
        [CKA.PRIVATE, false],
        [CKA.LABEL, Buffer.from(label)],
        [CKA.EC_PARAMS, oids.NIST_P384],
        [CKA.VERIFY, true],
      ],
      template,
    )
  if (recoveryKey === undefined) return make(true, stayingTemplate(session, label)).publicKey
  const { privateKey, publicKey } = make(false, ecPrivateTemplate({ isExtractable: true }))
  const point = ecPublicKey(session, publicKey, 'NIST_P384')
  session.destroy(publicKey)
  removeSigner(session, label)
  keepWithCopy(session, { made: privateKey, recoveryKey, label, template: stayingTemplate(session, label) })
  return putSignersPublicKey(session, label, point)
}

/** Made last: where it is, the private half is. */
export function putSignersPublicKey(session: Session, label: string, publicKey: KeyObject): Handle {
  return session.create([
    [CKA.CLASS, CKO.PUBLIC_KEY],
    [CKA.KEY_TYPE, CKK.EC],
    [CKA.TOKEN, true],
    [CKA.PRIVATE, false],
    [CKA.LABEL, Buffer.from(label)],
    [CKA.EC_PARAMS, oids.NIST_P384],
    [CKA.EC_POINT, encodedPoint(publicKey)],
    [CKA.VERIFY, true],
  ])
}

/** What an interrupted attempt has left. */
export function removeSigner(session: Session, label: string): void {
  for (const objectClass of [CKO.PUBLIC_KEY, CKO.PRIVATE_KEY])
    for (const object of session.find(labelled(objectClass, label))) session.remove(object)
}

/** A DER OCTET STRING of the uncompressed point, which ends a SubjectPublicKeyInfo. */
function encodedPoint(publicKey: KeyObject): Buffer {
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-97)
  return Buffer.concat([Buffer.from([0x04, point.length]), point])
}

export function findRegionObjects(session: Session, how: HowToFind): RegionObjects {
  return {
    ...findVaultObjects(session, how),
    identity: findOne(session, CKO.PRIVATE_KEY, identityLabel),
    identityPublic: findOne(session, CKO.PUBLIC_KEY, identityLabel),
  }
}

/** Whether hsm init came to its end here: somebody else's objects of the same names do not make it begin again. */
export function hasRegionObjects(session: Session): boolean {
  const has = (objectClass: number) => session.find(labelled(objectClass, identityLabel)).length > 0
  return hasRoots(session) && has(CKO.PRIVATE_KEY) && has(CKO.PUBLIC_KEY)
}

/** Both roots of any generation. */
export function hasRoots(session: Session): boolean {
  return generations(session).some(
    (generation) => session.find(labelled(CKO.SECRET_KEY, rootLabel('wrappingRoot', generation))).length > 0,
  )
}

/** @throws UserError where there are none. */
export function requireRoots(session: Session): void {
  if (!hasRoots(session)) throw noSuchObject(rootLabels.wrappingRoot, 'no')
}

/** A text in the token that whoever has the PIN reads, and does not change. */
export function createMark(session: Session, label: string, text: string): void {
  session.create([
    [CKA.CLASS, CKO.DATA],
    [CKA.TOKEN, true],
    [CKA.PRIVATE, true],
    [CKA.MODIFIABLE, false],
    [CKA.LABEL, Buffer.from(label)],
    [CKA.VALUE, Buffer.from(text)],
  ])
}

/** @throws UserError where there is none, or more than one. */
export function findOne(session: Session, objectClass: number, label: string): Handle {
  const [found, another] = session.find(labelled(objectClass, label))
  if (found !== undefined && another === undefined) return found
  throw noSuchObject(label, another === undefined ? 'no' : 'more than one')
}

export function labelled(objectClass: number, label: string): Template {
  return [
    [CKA.CLASS, objectClass],
    [CKA.LABEL, Buffer.from(label)],
  ]
}
