import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { VaultContext, WrappedVaultKeys } from '../hsm.ts'
import { publicKeyPem } from '../primitives/p384.ts'
import type { OpenedVaultKeys } from '../software/vaultKeys.ts'
import { findAbilities } from './abilities.ts'
import { CKA, CKK, CKO } from './constants.ts'
import { ecPublicKey, oids } from './publicKeys.ts'
import { labelled, stays } from './regionObjects.ts'
import type { Session } from './session.ts'
import { aesTemplate } from './templates.ts'
import { intoToken } from './tokenMaterial.ts'
import type { VaultKeeper } from './vaultKeeper.ts'

/** What a simulated HSM held in its file and its process, brought into a token for good (hsm migrate). */

/** A P-384 pair under this label, instead of one that hsm init made there. Again, it does nothing. */
export function adoptSigner(session: Session, label: string, privateKeyPem: string): void {
  const privateKey = createPrivateKey(privateKeyPem)
  const publicKey = createPublicKey(privateKey)
  const find = (objectClass: number) => session.find(labelled(objectClass, label))
  const [known, ...more] = find(CKO.PUBLIC_KEY)
  const isSame =
    known !== undefined &&
    more.length === 0 &&
    find(CKO.PRIVATE_KEY).length === 1 &&
    publicKeyPem(ecPublicKey(session, known, 'NIST_P384')) === publicKeyPem(publicKey)
  if (isSame) return
  // The public half is made last: where it is, the private one is.
  for (const object of [...find(CKO.PUBLIC_KEY), ...find(CKO.PRIVATE_KEY)]) session.remove(object)
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' })
  try {
    intoToken(session, findAbilities(session).kwp, secret, [
      [CKA.CLASS, CKO.PRIVATE_KEY],
      [CKA.KEY_TYPE, CKK.EC],
      ...stays.filter(([type]) => type !== CKA.MODIFIABLE),
      [CKA.LABEL, Buffer.from(label)],
      [CKA.SIGN, true],
      [CKA.DECRYPT, false],
      [CKA.UNWRAP, false],
      // SoftHSM takes one after the other: nothing can follow this.
      [CKA.MODIFIABLE, false],
    ])
  } finally {
    secret.fill(0)
  }
  session.create([
    [CKA.CLASS, CKO.PUBLIC_KEY],
    [CKA.KEY_TYPE, CKK.EC],
    [CKA.TOKEN, true],
    [CKA.PRIVATE, false],
    [CKA.LABEL, Buffer.from(label)],
    [CKA.EC_PARAMS, oids.NIST_P384],
    [CKA.EC_POINT, pointOf(publicKey)],
    [CKA.VERIFY, true],
  ])
}

/** A DER OCTET STRING of the uncompressed point, which ends a SubjectPublicKeyInfo. */
function pointOf(publicKey: KeyObject): Buffer {
  const point = publicKey.export({ format: 'der', type: 'spki' }).subarray(-97)
  return Buffer.concat([Buffer.from([0x04, point.length]), point])
}

/** A vault's keys in the token that keeps it from here on. */
export function adoptVaultKeys(keeper: VaultKeeper, context: VaultContext, keys: OpenedVaultKeys): WrappedVaultKeys {
  const blob = keeper.token.run((session, objects) => {
    const secret = keys.hsmKek.export()
    try {
      const kek = intoToken(session, objects.kwp, secret, aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true }))
      try {
        return session.wrap(objects.kwp, objects.roots[0].wrappingRoot, kek)
      } finally {
        session.destroy(kek)
      }
    } finally {
      secret.fill(0)
    }
  })
  return keeper.wrapped(context, blob, (name) => keys[name].export())
}
