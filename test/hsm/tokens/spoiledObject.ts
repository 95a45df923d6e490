import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { CKA, CKO } from '../../../lib/hsm/pkcs11/library/constants.ts'
import { identityLabel, labelled, putSignersPublicKey } from '../../../lib/hsm/pkcs11/roots/regionObjects.ts'
import { partitionToken } from '../../../lib/hsm/pkcs11/roots/regionToken.ts'
import { aesObject } from '../../../lib/hsm/pkcs11/token/templates.ts'
import type { Session } from '../../../lib/hsm/pkcs11/token/session.ts'
import { pins, softHsm } from './softHsm.ts'

export function inToken<R>(label: string, work: (session: Session) => R): R {
  return partitionToken({ module: softHsm(), label, pin: () => pins.pin }).bare(work)
}

/** Has the label of a key that stays, and does nothing, as one that a kill has left half written. */
export function spoilRoot(token: string, label: string): void {
  inToken(token, (session) => {
    for (const object of session.find(labelled(CKO.SECRET_KEY, label))) session.remove(object)
    const nothing = aesObject(randomBytes(32), []).filter(([type]) => type !== CKA.TOKEN)
    session.create([...nothing, [CKA.TOKEN, true], [CKA.LABEL, Buffer.from(label)]])
  })
}

/** What it signs does not verify. */
export function spoilIdentity(token: string): void {
  inToken(token, (session) => {
    for (const object of session.find(labelled(CKO.PUBLIC_KEY, identityLabel))) session.remove(object)
    putSignersPublicKey(session, identityLabel, generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey)
  })
}
