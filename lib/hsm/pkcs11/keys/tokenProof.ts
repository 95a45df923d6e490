import { isKmsError } from '../../../errors.ts'
import { CKA, CKM } from '../library/constants.ts'
import { mechanism } from '../library/encode.ts'
import { newKekBlob } from './hsmKek.ts'
import { isPkcs11Error, WrongAnswer } from '../library/pkcs11Error.ts'
import { checked, isMacOfCheck } from '../roots/findRoots.ts'
import { isStillOwn, type VaultToken, type VaultTokenObjects } from '../roots/regionToken.ts'
import type { Session } from '../token/session.ts'
import { aesTemplate } from '../token/templates.ts'

const cmac = mechanism(CKM.AES_CMAC)
const proofEveryMs = 1_000
const kekTemplate = aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: false })

/** Of each token: a KEK of no vault, under the root of that generation. It opens as vaults' KEKs do, and is no secret of anybody's. */
const knownBlobs = new WeakMap<VaultToken, { readonly generation: number; readonly blob: Buffer }>()

/** Undefined where the token makes no keys now: those that there are may open all the same. */
function knownBlob(token: VaultToken, session: Session, objects: VaultTokenObjects): Buffer | undefined {
  const [{ generation }] = objects.roots
  const known = knownBlobs.get(token)
  if (known?.generation === generation) return known.blob
  try {
    const blob = newKekBlob(session, objects)
    knownBlobs.set(token, { generation, blob })
    return blob
  } catch (cause) {
    if (isPkcs11Error(cause)) return undefined
    throw cause
  }
}

/**
 * What every request needs: a MAC, the very one that the root makes, and to open what the root has wrapped. A library may list the objects of a token that was
 * taken away, and a token may do the one and not the other. In the event loop. @throws Pkcs11Error, KmsError unavailable
 */
export function requireProof(token: VaultToken): void {
  token.run((session, objects) => {
    prove(token, session, objects)
  })
}

function prove(token: VaultToken, session: Session, objects: VaultTokenObjects): void {
  const { kwp, roots } = objects
  const [{ wrappingRoot }] = roots
  requireRightMac(session, objects)
  const blob = knownBlob(token, session, objects)
  if (blob !== undefined) session.destroy(session.unwrap(kwp, wrappingRoot, blob, kekTemplate))
}

function requireRightMac(session: Session, { roots: [{ macRoot, check }] }: VaultTokenObjects): void {
  requireMacOf(check, session.sign(cmac, macRoot, checked))
}

function requireMacOf(check: string, mac: Buffer): void {
  if (!isMacOfCheck(check, mac)) throw new WrongAnswer('The token makes another MAC than its root does.')
}

/** Of MACs that are to be relied on, or that fitted nothing. @throws KmsError unavailable where the token makes wrong ones. */
export function requireRightMacs(token: VaultToken): void {
  token.run(requireRightMac)
}

/** Of each token: when its root's MAC was right last. */
const lastRight = new WeakMap<VaultToken, number>()

/** As `requireRightMacs`, once a second: for what is derived in the token, of which nobody else knows what it should be. */
export function requireRightMacsLately(token: VaultToken): void {
  const now = token.now()
  if (Math.abs(now - (lastRight.get(token) ?? -Infinity)) < proofEveryMs) return
  requireRightMacs(token)
  lastRight.set(token, now)
}

/** As `requireProof`, off the event loop. */
export function requireProofOnThread(token: VaultToken): Promise<void> {
  return token.onThread(async (session, objects) => {
    const { kwp, roots } = objects
    const [{ macRoot, wrappingRoot, check }] = roots
    requireMacOf(check, await session.signOnThread(cmac, macRoot, checked))
    const blob = knownBlob(token, session, objects)
    if (blob !== undefined) session.destroy(await session.unwrapOnThread(kwp, wrappingRoot, blob, kekTemplate))
  })
}

/** Of each token: when its last proof was, and in which life. */
const lastProofs = new WeakMap<VaultToken, { readonly life: number; readonly at: number }>()

/**
 * Whether it gives that proof, once a second: one that shows its objects and computes nothing answers nobody. Within the second
 * it is asked whether it still knows the root. One failure is none: a session may have been closed, and what is lost connects
 * anew, once a second.
 */
export function isAnswering(token: VaultToken): boolean {
  return answers(token) || answers(token)
}

/** One that another thread does not reach: this one may be well by a session of before, and the library show it no more. */
export function lookFor(token: VaultToken): void {
  token.showOthers()
  isAnswering(token)
}

function answers(token: VaultToken): boolean {
  try {
    // Where others have spent this turn of the event loop their requests are refused, and it is not made longer.
    token.loop.requireTurn()
    const isLooked = token.runInTurn((session, objects) => {
      const [{ life }, last, now] = [token, lastProofs.get(token), token.now()]
      if (last?.life === life && Math.abs(now - last.at) < proofEveryMs) {
        session.attributes(objects.roots[0].macRoot, CKA.LABEL)
        return true
      }
      prove(token, session, objects)
      lastProofs.set(token, { life, at: now })
      return false
    })
    return isLooked || isStillOwn(token)
  } catch (cause) {
    if (isKmsError(cause, 'unavailable') || isPkcs11Error(cause)) return false
    throw cause
  }
}
