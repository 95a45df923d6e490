import { createPublicKey, hash, verify } from 'node:crypto'
import { isKmsError } from '../../../errors.ts'
import { UserError } from '../../../userError.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import { CKM, CKO } from '../library/constants.ts'
import { mechanism } from '../library/encode.ts'
import { isGone, isPkcs11Error, WrongAnswer } from '../library/pkcs11Error.ts'
import { findVaultObjects, rootLabels } from '../roots/findRoots.ts'
import { findOne, identityLabel } from '../roots/regionObjects.ts'
import { partitionToken } from '../roots/regionToken.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { findAbilities } from '../token/abilities.ts'
import { ecPublicKey } from '../token/publicKeys.ts'
import type { Session } from '../token/session.ts'
import { newKekBlob } from './hsmKek.ts'
import { ecdsa } from './tokenKey.ts'

/** An object that was half written when its process was killed has its label, and does nothing: each is had do what it is for. */

const cmac = mechanism(CKM.AES_CMAC)
const probe = Buffer.from('vaultspan/does this token work')

/** Of a token that was made anew, by the names that its objects have. */
export function isProven(session: Session, kind: 'region' | 'vault'): boolean {
  return isDone(() => {
    const abilities = findAbilities(session)
    const objects = { ...findVaultObjects(session, abilities), ...abilities }
    newKekBlob(session, objects)
    session.mac(cmac, objects.roots[0].macRoot, probe)
    return kind === 'vault' || isSigning(session, identityLabel)
  })
}

/** As `isProven`, of a token in its pool; undefined where it does not answer now. */
export function isPoolTokenProven(token: TokenOptions): boolean | undefined {
  try {
    return partitionToken(token).bare((session) => isProven(session, 'vault'))
  } catch (cause) {
    if (cause instanceof UserError) return false
    if (isKmsError(cause, 'unavailable')) return undefined
    throw cause
  }
}

/** Of one key that stays. `publicKey`: PEM, of a signer's. */
export function isKeyProven(session: Session, label: string, publicKey?: string): boolean {
  return isDone(() => {
    if (publicKey !== undefined) return isSigning(session, label, publicKey)
    const key = findOne(session, CKO.SECRET_KEY, label)
    if (label.startsWith(rootLabels.macRoot)) session.mac(cmac, key, probe)
    else newKekBlob(session, { kwp: findAbilities(session).kwp, roots: [{ wrappingRoot: key }] })
    return true
  })
}

function isSigning(session: Session, label: string, expected?: string): boolean {
  const privateKey = findOne(session, CKO.PRIVATE_KEY, label)
  const pem = publicKeyPem(ecPublicKey(session, findOne(session, CKO.PUBLIC_KEY, label), 'NIST_P384'))
  const signature = session.sign(ecdsa, privateKey, hash('sha384', probe, 'buffer'))
  const key = { key: createPublicKey(pem), dsaEncoding: 'ieee-p1363' } as const
  return (expected === undefined || pem === expected) && verify('sha384', probe, key, signature)
}

function isDone(work: () => boolean): boolean {
  try {
    return work()
  } catch (cause) {
    if (isGone(cause)) throw cause
    if (cause instanceof UserError || cause instanceof WrongAnswer || isPkcs11Error(cause)) return false
    throw cause
  }
}
