import { UserError } from '../../userError.ts'
import { CKA, CKK, CKM, CKO } from './constants.ts'
import { mechanism, type Template } from './encode.ts'
import { oids } from './publicKeys.ts'
import { allowing } from './templates.ts'
import type { Handle, Session } from './session.ts'

/** What `hsm init` makes in a region's token, and every start looks up. */
export interface RegionObjects {
  /** Wraps and unwraps, and nothing else. */
  readonly wrappingRoot: Handle
  /** Makes MACs, from which keys for what is no secret of the HSM's are derived. */
  readonly macRoot: Handle
  /** P-384, signs in the region's name. */
  readonly identity: Handle
  readonly identityPublic: Handle
}

const labels = {
  wrappingRoot: 'vaultspan root: wrapping',
  macRoot: 'vaultspan root: MAC',
  identity: 'vaultspan identity',
} as const

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
  [CKA.VALUE_LEN, 32],
]

/** What is unwrapped by the root can be read by nobody, nor stay in the token, whatever its unwrapper asks for. */
const unwrapTemplate: Template = [
  [CKA.SENSITIVE, true],
  [CKA.TOKEN, false],
]

/** Makes the objects of a region in an empty token. @throws Pkcs11Error */
export function createRegionObjects(session: Session): void {
  session.generateKey(mechanism(CKM.AES_KEY_GEN), [
    ...aes256,
    ...stays,
    ...allowing([CKA.WRAP, CKA.UNWRAP]),
    [CKA.LABEL, Buffer.from(labels.wrappingRoot)],
    [CKA.UNWRAP_TEMPLATE, unwrapTemplate],
  ])
  session.generateKey(mechanism(CKM.AES_KEY_GEN), [
    ...aes256,
    ...stays,
    ...allowing([CKA.SIGN]),
    [CKA.LABEL, Buffer.from(labels.macRoot)],
  ])
  createSigner(session, labels.identity)
}

/** A P-384 pair that stays in the token. Resolves with its public half. */
export function createSigner(session: Session, label: string): Handle {
  return session.generateKeyPair(
    mechanism(CKM.EC_KEY_PAIR_GEN),
    [
      [CKA.TOKEN, true],
      [CKA.PRIVATE, false],
      [CKA.LABEL, Buffer.from(label)],
      [CKA.EC_PARAMS, oids.NIST_P384],
      [CKA.VERIFY, true],
    ],
    [...stays, [CKA.LABEL, Buffer.from(label)], [CKA.SIGN, true], [CKA.DECRYPT, false], [CKA.UNWRAP, false]],
  ).publicKey
}

export function findRegionObjects(session: Session): RegionObjects {
  return {
    wrappingRoot: findOne(session, CKO.SECRET_KEY, labels.wrappingRoot),
    macRoot: findOne(session, CKO.SECRET_KEY, labels.macRoot),
    identity: findOne(session, CKO.PRIVATE_KEY, labels.identity),
    identityPublic: findOne(session, CKO.PUBLIC_KEY, labels.identity),
  }
}

/** @throws UserError where there is none, or more than one. */
export function findOne(session: Session, objectClass: number, label: string): Handle {
  const [found, another] = session.find(labelled(objectClass, label))
  if (found !== undefined && another === undefined) return found
  const many = another === undefined ? 'no' : 'more than one'
  throw new UserError(`The token has ${many} object "${label}". Was it made by hsm init?`)
}

export function labelled(objectClass: number, label: string): Template {
  return [
    [CKA.CLASS, objectClass],
    [CKA.LABEL, Buffer.from(label)],
  ]
}
