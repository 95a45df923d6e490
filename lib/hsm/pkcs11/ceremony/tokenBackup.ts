import { createPublicKey } from 'node:crypto'
import * as v from 'valibot'
import { UserError } from '../../../userError.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import { findAbilities } from '../token/abilities.ts'
import { CKA, CKO } from '../library/constants.ts'
import { deleteByLabel, initialize, withUser, type NewToken } from './initialize.ts'
import { isKeyProven } from '../keys/provenToken.ts'
import { markOwner } from '../roots/ownerMark.ts'
import { ecPublicKey } from '../token/publicKeys.ts'
import { copyOf, keepFromCopy, recoveryPemIn } from '../roots/recoverable.ts'
import { labelled, putSignersPublicKey, removeSigner, stayingTemplate } from '../roots/regionObjects.ts'
import type { Handle, Session } from '../token/session.ts'
import { rsaPrivateTemplate } from '../token/templates.ts'
import { intoToken } from '../token/tokenMaterial.ts'
import { markAs, markIn } from '../roots/vaultMarker.ts'

export const tokenCopiesSchema = v.object({
  label: v.string(),
  /** Which private vault it says that it is of. */
  vault: v.exactOptional(v.string()),
  keys: v.array(
    v.object({
      label: v.string(),
      /** Under the recovery key, as it lies in the token. */
      copy: v.string(),
      /** PEM, of a signer. */
      publicKey: v.exactOptional(v.string()),
    }),
  ),
})

/** Everything that stays in a token, as custodians can bring it into another. */
export type TokenCopies = v.InferOutput<typeof tokenCopiesSchema>

/** `makeAnew`: what to type where nobody has the token. @throws UserError where something in it has no copy under this key. */
export function tokenCopies(session: Session, label: string, recoveryKey: string, makeAnew?: string): TokenCopies {
  const vault = markIn(session)
  if (recoveryPemIn(session) !== recoveryKey)
    throw new UserError(
      `The token ${label} was not made for this cloud's custodians: its keys cannot leave it for them.${makeAnew === undefined ? '' : wayOn(vault, makeAnew)}`,
    )
  const keys = [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((objectClass) =>
    staying(session, objectClass).map((key) => ({
      label: key,
      copy: copyOf(session, key) ?? noCopy(label, key),
      ...(objectClass === CKO.PRIVATE_KEY ? { publicKey: publicHalf(session, key) } : {}),
    })),
  )
  return { label, keys, ...(vault === undefined ? {} : { vault }) }
}

function wayOn(vault: string | undefined, makeAnew: string): string {
  if (vault === undefined)
    return ` No vault has it: stop the service, make it anew by the security officer's PIN (${makeAnew}), and begin again.`
  return ` A private vault has it (${vault}): have what is under its keys under those of another, and delete it; then, with the service stopped, ${makeAnew} makes the token anew.`
}

/** Labels of what stays in the token. */
export function staying(session: Session, objectClass: number): readonly string[] {
  return session
    .find(
      [
        [CKA.CLASS, objectClass],
        [CKA.TOKEN, true],
      ],
      256,
    )
    .map((object) => String(session.attributes(object, CKA.LABEL)[0]))
}

function noCopy(token: string, key: string): never {
  throw new UserError(
    `"${key}" in the token ${token} has no copy under the custodians' key: it was made without them, and cannot leave the token.`,
  )
}

function publicHalf(session: Session, label: string): string {
  const [found] = session.find(labelled(CKO.PUBLIC_KEY, label))
  if (found === undefined) throw new UserError(`The token has no public half of "${label}".`)
  return publicKeyPem(ecPublicKey(session, found, 'NIST_P384'))
}

/**
 * Makes this token as the copies have it, roots last: one without them was left by an attempt that broke off, and is made anew.
 * `recoveryKey`: PKCS#8. `mayHaveMore`: one that has all of the copies and newer roots beside them stays.
 * @throws UserError where a token of this label holds something else.
 */
export function restoreToken(
  token: NewToken,
  copies: TokenCopies,
  recoveryKey: Buffer,
  { mayHaveMore = false } = {},
): 'made' | 'there already' {
  const { module, label, pin } = token
  const known = module.slotOf(label)
  if (known !== undefined && module.tokenInfo(known).hasUserPin && holds(token, known, copies, mayHaveMore))
    return 'there already'
  withUser(module, initialize(token, known), pin, (session) => {
    if (token.owner !== undefined) markOwner(session, token.owner)
    const { kwp } = findAbilities(session)
    const template = rsaPrivateTemplate([CKA.UNWRAP], { isExtractable: false })
    const privateKey = intoToken(session, kwp, recoveryKey, template)
    if (copies.vault !== undefined) markAs(session, copies.vault)
    for (const key of rootsLast(copies)) restoreKey(session, privateKey, key)
    session.destroy(privateKey)
    if (!areProven(session, copies))
      throw new UserError(`What the token ${label} was given does nothing: the token fails. Try again.`)
  })
  return 'made'
}

function restoreKey(session: Session, privateKey: Handle, { label, copy, publicKey }: TokenCopies['keys'][number]) {
  const template = stayingTemplate(session, label)
  if (publicKey !== undefined) removeSigner(session, label)
  keepFromCopy(session, privateKey, { copy, label, template })
  if (publicKey !== undefined) putSignersPublicKey(session, label, createPublicKey(publicKey))
}

function rootsLast({ keys }: TokenCopies): TokenCopies['keys'] {
  return [
    ...keys.filter(({ publicKey }) => publicKey !== undefined),
    ...keys.filter((key) => key.publicKey === undefined),
  ]
}

/** A kill may have left one of them half written. */
function areProven(session: Session, { keys }: TokenCopies): boolean {
  return keys.every(({ label, publicKey }) => isKeyProven(session, label, publicKey))
}

/** All of it, from these very copies; false where only some is, or does nothing, so that nothing is lost with it. @throws UserError */
function holds(
  { module, label, pin, deleteCommand }: NewToken,
  slot: number,
  copies: TokenCopies,
  mayHaveMore: boolean,
): boolean {
  const { keys } = copies
  return withUser(module, slot, pin, (session) => {
    const there = [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((objectClass) => staying(session, objectClass))
    const isOurs = (label: string) => keys.some((key) => key.label === label && copyOf(session, label) === key.copy)
    const hasAll = keys.every((key) => there.includes(key.label) && isOurs(key.label))
    if (there.every(isOurs)) return hasAll && areProven(session, copies)
    if (mayHaveMore && hasAll) return true
    throw new UserError(
      `The token ${label} is there, with other keys than the backup's, and is left as it is. Restore where no token has this label: in another place of tokens, or after that one was deleted by its vendor's program (SoftHSM: ${deleteCommand ?? deleteByLabel(label)}), which is right only where nobody needs it: where a start or hsm init made it since the loss, and no vault has it (hsm status).`,
    )
  })
}
