import { createPrivateKey, createPublicKey } from 'node:crypto'
import type { VaultContext, WrappedVaultKeys } from '../../hsm.ts'
import { publicKeyPem } from '../../primitives/p384.ts'
import type { OpenedVaultKeys } from '../../software/vaultKeys.ts'
import { findAbilities } from '../token/abilities.ts'
import { CKA, CKO } from '../library/constants.ts'
import { ecPublicKey } from '../token/publicKeys.ts'
import { wrapKek } from '../keys/hsmKek.ts'
import { findRecoveryKey, keepWithCopy, unmodifiableLast } from '../roots/recoverable.ts'
import { labelled, putSignersPublicKey, removeSigner, stayingTemplate } from '../roots/regionObjects.ts'
import type { Session } from '../token/session.ts'
import { aesTemplate, ecPrivateTemplate } from '../token/templates.ts'
import { intoToken } from '../token/tokenMaterial.ts'
import type { VaultKeeper } from '../keys/vaultKeeper.ts'

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
  removeSigner(session, label)
  const [recoveryKey, template] = [findRecoveryKey(session), unmodifiableLast(stayingTemplate(session, label))]
  const secret = privateKey.export({ format: 'der', type: 'pkcs8' })
  try {
    const { kwp } = findAbilities(session)
    if (recoveryKey === undefined) intoToken(session, kwp, secret, template)
    else {
      const made = intoToken(session, kwp, secret, ecPrivateTemplate({ isExtractable: true }))
      keepWithCopy(session, { made, recoveryKey, label, template })
    }
  } finally {
    secret.fill(0)
  }
  putSignersPublicKey(session, label, publicKey)
}

/** A vault's keys in the token that keeps it from here on. */
export function adoptVaultKeys(keeper: VaultKeeper, context: VaultContext, keys: OpenedVaultKeys): WrappedVaultKeys {
  const blob = keeper.token.run((session, objects) => {
    const secret = keys.hsmKek.export()
    try {
      const kek = intoToken(session, objects.kwp, secret, aesTemplate([CKA.WRAP, CKA.UNWRAP], { isExtractable: true }))
      try {
        return wrapKek(session, objects, kek)
      } finally {
        session.destroy(kek)
      }
    } finally {
      secret.fill(0)
    }
  })
  return keeper.wrapped(context, blob, (name) => keys[name].export())
}
