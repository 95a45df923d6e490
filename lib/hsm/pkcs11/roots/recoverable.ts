import { createPublicKey, type KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { parseJson } from '../../../parseJson.ts'
import { UserError } from '../../../userError.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import type { OaepWrap } from '../../hsm.ts'
import { oaepWraps } from '../../formats/transfer.ts'
import { keysOf } from '../../../keysOf.ts'
import { findAbilities, oaepMechanism, type Abilities } from '../token/abilities.ts'
import { CKA, CKK, CKM, CKO } from '../library/constants.ts'
import { mechanism, type Template } from '../library/encode.ts'
import { rsaPublicKey } from '../token/publicKeys.ts'
import type { Handle, Session } from '../token/session.ts'
import { aesTemplate } from '../token/templates.ts'

/**
 * Where custodians hold a recovery root, what stays in a token is made in three steps inside it: an extractable key of this
 * session, its copy under the recovery key, and the key that stays, unwrapped from that copy as one that nobody takes out. The
 * copy lies in the token as data. Nothing of this is in the process in plaintext.
 */

export const recoveryLabel = 'vaultspan recovery'
const copyPrefix = 'vaultspan copy: '

const copySchema = v.object({
  /** How the ephemeral key is wrapped. */
  wrap: v.picklist(keysOf(oaepWraps)),
  /** An AES key of this copy's own, under the recovery key. */
  oaep: v.pipe(v.string(), v.base64()),
  /** The key, under that one. */
  kwp: v.pipe(v.string(), v.base64()),
})

/** In the SO's session: only the security officer can mark a key as trusted, so a thief of the PIN cannot put another in its place. */
export function putRecoveryKey(session: Session, publicKeyPem: string): void {
  const { n = '', e = '' } = createPublicKey(publicKeyPem).export({ format: 'jwk' })
  session.create([
    [CKA.CLASS, CKO.PUBLIC_KEY],
    [CKA.KEY_TYPE, CKK.RSA],
    [CKA.TOKEN, true],
    [CKA.PRIVATE, false],
    [CKA.LABEL, Buffer.from(recoveryLabel)],
    [CKA.WRAP, true],
    [CKA.TRUSTED, true],
    [CKA.MODULUS, Buffer.from(n, 'base64url')],
    [CKA.PUBLIC_EXPONENT, Buffer.from(e, 'base64url')],
    [CKA.MODIFIABLE, false],
  ])
}

/** Whether custodians' copies lie in it and their key does not: what is made from now on would have none. */
export function hasLostRecoveryKey(session: Session): boolean {
  if (session.find(labelledRecovery).length > 0) return false
  const data = session.find([[CKA.CLASS, CKO.DATA]], 256)
  return data.some((each) => String(session.attributes(each, CKA.LABEL)[0]).startsWith(copyPrefix))
}

const labelledRecovery: Template = [
  [CKA.CLASS, CKO.PUBLIC_KEY],
  [CKA.LABEL, Buffer.from(recoveryLabel)],
]

/** Those that the security officer put there: nobody with the PIN marks a key so. */
export function findTrustedRecoveryKeys(session: Session): readonly Handle[] {
  return session.vendor.marksTrusted ? session.find([...labelledRecovery, [CKA.TRUSTED, true]]) : []
}

/** Undefined where there are no custodians. @throws UserError where one is there that the security officer did not put there, or theirs is gone. */
export function findRecoveryKey(session: Session): Handle | undefined {
  const [key, ...more] = session.find(labelledRecovery)
  if (key === undefined && hasLostRecoveryKey(session))
    throw new UserError(
      `The custodians' key is gone from the token ${session.label()}, and what is made there without it has no copy for them: somebody with the PIN has deleted it. The security officer puts it back, with the service stopped: hsm init --so-pin-file FILE, with the --private that the tokens were made with.`,
    )
  if (key === undefined) return undefined
  const [trusted] = session.attributes(key, CKA.TRUSTED)
  if (more.length === 0 && trusted?.[0] === 1) return key
  throw new UserError(
    `The token ${session.label()} has a recovery key that the security officer did not put there: somebody with the PIN would have the roots made anew for them. Look at it before anything else (hsm attest).`,
  )
}

export function recoveryKeyIn(session: Session): KeyObject | undefined {
  const handle = findRecoveryKey(session)
  return handle === undefined ? undefined : rsaPublicKey(session, handle)
}

/** PEM of it; undefined where there are no custodians. @throws UserError as findRecoveryKey */
export function recoveryPemIn(session: Session): string | undefined {
  const key = recoveryKeyIn(session)
  return key === undefined ? undefined : publicKeyPem(key)
}

/** `made` is an extractable key of this session, and is destroyed. The one that stays has this label and template. */
interface Kept {
  readonly made: Handle
  readonly recoveryKey: Handle
  readonly label: string
  readonly template: Template
}

export function keepWithCopy(session: Session, kept: Kept): Handle {
  const abilities = findAbilities(session)
  const ephemeral = ephemeralFor(session, kept)
  try {
    const { blob, copy } = copied(session, abilities, ephemeral, kept)
    removeCopy(session, kept.label)
    session.create(stayingCopy(kept.label, copy))
    return session.unwrap(abilities.kwp, ephemeral, blob, unmodifiableLast(kept.template))
  } finally {
    session.destroy(ephemeral)
    session.destroy(kept.made)
  }
}

/** The same with what is written to the token's disk off the event loop. */
export async function keepWithCopyOnThread(session: Session, abilities: Abilities, kept: Kept): Promise<Handle> {
  const ephemeral = ephemeralFor(session, kept)
  try {
    const { blob, copy } = copied(session, abilities, ephemeral, kept)
    removeCopy(session, kept.label)
    await session.createOnThread(stayingCopy(kept.label, copy))
    return await session.unwrapOnThread(abilities.kwp, ephemeral, blob, unmodifiableLast(kept.template))
  } finally {
    session.destroy(ephemeral)
    session.destroy(kept.made)
  }
}

function ephemeralFor(session: Session, { made }: Kept): Handle {
  try {
    return session.generateKey(mechanism(CKM.AES_KEY_GEN), [
      ...aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true }),
      [CKA.VALUE_LEN, 32],
    ])
  } catch (cause) {
    session.destroy(made)
    throw cause
  }
}

function copied(session: Session, { kwp, wraps }: Abilities, ephemeral: Handle, { made, recoveryKey }: Kept) {
  const wrap: OaepWrap = wraps.includes('oaep-sha256') ? 'oaep-sha256' : 'oaep-sha1'
  const blob = session.wrap(kwp, ephemeral, made)
  const oaep = session.wrap(oaepMechanism(wrap), recoveryKey, ephemeral)
  const copy = JSON.stringify({ wrap, oaep: oaep.toString('base64'), kwp: blob.toString('base64') })
  return { blob, copy }
}

/** From its copy, by the recovery key's private half in this session. @throws Pkcs11Error, SyntaxError */
export function keepFromCopy(
  session: Session,
  privateKey: Handle,
  { copy, label, template }: { readonly copy: string; readonly label: string; readonly template: Template },
): Handle {
  const { wrap, oaep, kwp } = v.parse(copySchema, parseJson(copy))
  const ephemeral = session.unwrap(
    oaepMechanism(wrap),
    privateKey,
    Buffer.from(oaep, 'base64'),
    aesTemplate([CKA.UNWRAP], { isExtractable: false }),
  )
  try {
    removeCopy(session, label)
    session.create(stayingCopy(label, copy))
    const how = findAbilities(session).kwp
    return session.unwrap(how, ephemeral, Buffer.from(kwp, 'base64'), unmodifiableLast(template))
  } finally {
    session.destroy(ephemeral)
  }
}

/** Of the key with this label; undefined where it was made without custodians. */
export function copyOf(session: Session, label: string): string | undefined {
  const [found] = session.find(copyTemplate(label))
  return found === undefined ? undefined : String(session.attributes(found, CKA.VALUE)[0])
}

export function removeCopy(session: Session, label: string): void {
  for (const object of session.find(copyTemplate(label))) session.remove(object)
}

function stayingCopy(label: string, copy: string): Template {
  return [
    ...copyTemplate(label),
    [CKA.TOKEN, true],
    [CKA.PRIVATE, true],
    [CKA.MODIFIABLE, false],
    [CKA.VALUE, Buffer.from(copy)],
  ]
}

function copyTemplate(label: string): Template {
  return [
    [CKA.CLASS, CKO.DATA],
    [CKA.LABEL, Buffer.from(`${copyPrefix}${label}`)],
  ]
}

/** SoftHSM takes one attribute after the other: nothing can follow this one. */
export function unmodifiableLast(template: Template): Template {
  return [...template.filter(([type]) => type !== CKA.MODIFIABLE), [CKA.MODIFIABLE, false]]
}
