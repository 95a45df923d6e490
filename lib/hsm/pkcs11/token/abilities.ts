import { createPrivateKey, createPublicKey, createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import type { OaepWrap } from '../../hsm.ts'
import { oaepWraps } from '../../formats/transfer.ts'
import { wrapKey } from '../../primitives/keyWrap.ts'
import { rsaEncrypt } from '../../primitives/rsa.ts'
import { rsaAnswers } from '../../software/knownAnswers.ts'
import { keysOf } from '../../../keysOf.ts'
import { UserError } from '../../../userError.ts'
import { CKA, CKG, CKM } from '../library/constants.ts'
import { encodeWords, mechanism, type Mechanism } from '../library/encode.ts'
import { isGone, isPkcs11Error } from '../library/pkcs11Error.ts'
import { aesObject, readableAes, rsaPrivateTemplate } from './templates.ts'
import { intoToken } from './tokenMaterial.ts'
import type { Session } from './session.ts'

/** What a token can do, found by doing it: a number means different things to different tokens (docs/hsm.md). */
export interface Abilities {
  /** AES-KWP of RFC 5649. */
  readonly kwp: Mechanism
  /** OAEP by which a wrapped key opens inside the token. */
  readonly wraps: readonly OaepWrap[]
}

const CKZ_DATA_SPECIFIED = 1

export function oaepMechanism(wrap: OaepWrap): Mechanism {
  const [hash, mask] = wrap === 'oaep-sha1' ? [CKM.SHA_1, CKG.MGF1_SHA1] : [CKM.SHA256, CKG.MGF1_SHA256]
  return mechanism(CKM.RSA_PKCS_OAEP, encodeWords(hash, mask, CKZ_DATA_SPECIFIED, 0, 0))
}

/** Once for each connection. @throws UserError where the token lacks what everything stands on, Pkcs11Error where it is lost meanwhile. */
export function findAbilities(session: Session): Abilities {
  const kwp = [CKM.AES_KEY_WRAP_KWP, CKM.AES_KEY_WRAP_PAD]
    .map((type) => mechanism(type))
    .find((how) => isKwp(session, how))
  if (kwp === undefined) throw new UserError('The token has no AES key wrap with padding (RFC 5649).')
  return { kwp, wraps: wrapsOf(session, kwp) }
}

/** Opens what node:crypto wrapped, and no padding of another kind passes. */
function isKwp(session: Session, how: Mechanism): boolean {
  const [kek, material] = [randomBytes(32), randomBytes(32)]
  return isDone(() => {
    const key = session.create(aesObject(kek, [CKA.UNWRAP]))
    try {
      const opened = session.unwrap(how, key, wrapKey(createSecretKey(kek), material), readableAes)
      const [value] = session.attributes(opened, CKA.VALUE)
      session.destroy(opened)
      return value?.equals(material) === true
    } finally {
      session.destroy(key)
    }
  })
}

/** With the key of the self test, which is no secret: to make one takes the token a tenth of a second. */
function wrapsOf(session: Session, kwp: Mechanism): readonly OaepWrap[] {
  const secret = Buffer.from(rsaAnswers.privateKey, 'base64')
  const publicKey = createPublicKey(createPrivateKey({ key: secret, format: 'der', type: 'pkcs8' }))
  const privateKey = intoToken(session, kwp, secret, rsaPrivateTemplate([CKA.UNWRAP], { isExtractable: false }))
  const found = keysOf(oaepWraps).filter((wrap) => opensOaep(session, privateKey, publicKey, wrap))
  session.destroy(privateKey)
  return found
}

function opensOaep(session: Session, privateKey: number, publicKey: KeyObject, wrap: OaepWrap): boolean {
  const material = randomBytes(32)
  return isDone(() => {
    const wrapped = rsaEncrypt(publicKey, oaepWraps[wrap], material)
    const opened = session.unwrap(oaepMechanism(wrap), privateKey, wrapped, readableAes)
    const [value] = session.attributes(opened, CKA.VALUE)
    session.destroy(opened)
    return value?.equals(material) === true
  })
}

function isDone(work: () => boolean): boolean {
  try {
    return work()
  } catch (cause) {
    // What a session that was lost meanwhile does not do, the token may.
    if (isPkcs11Error(cause) && !isGone(cause)) return false
    throw cause
  }
}
