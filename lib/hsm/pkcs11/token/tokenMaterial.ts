import { createSecretKey, randomBytes, type KeyObject } from 'node:crypto'
import type { KeyShape } from '../../hsm.ts'
import { wrapKey } from '../../primitives/keyWrap.ts'
import { aesObject, aesTemplate, ecPrivateTemplate, rsaPrivateTemplate, rsaPublicTemplate } from './templates.ts'
import { CKA, CKM } from '../library/constants.ts'
import { mechanism, type Mechanism, type Template } from '../library/encode.ts'
import { ecPublicKey, oids, rsaPublicKey } from './publicKeys.ts'
import type { Handle, Session } from './session.ts'

/** Keys as objects of a session: made or unwrapped there, readable by nobody. */

export interface MadeKey {
  readonly handle: Handle
  readonly publicKey?: KeyObject
}

export function generateAes(session: Session, length: number): Handle {
  return session.generateKey(mechanism(CKM.AES_KEY_GEN), [
    ...aesTemplate([CKA.SIGN], { isExtractable: true }),
    [CKA.VALUE_LEN, length],
  ])
}

/** Off the event loop: an RSA-4096 pair takes a second. */
export async function generateRsaPair(
  session: Session,
  bits: number,
  uses: readonly number[],
): Promise<Required<MadeKey>> {
  const { privateKey, publicKey } = await session.generateKeyPairOnThread(
    mechanism(CKM.RSA_PKCS_KEY_PAIR_GEN),
    rsaPublicTemplate(bits),
    rsaPrivateTemplate(uses, { isExtractable: true }),
  )
  const open = rsaPublicKey(session, publicKey)
  session.destroy(publicKey)
  return { handle: privateKey, publicKey: open }
}

export async function generateEcPair(
  session: Session,
  { curveId }: Extract<KeyShape, { algorithm: 'ECDSA' }>,
): Promise<Required<MadeKey>> {
  const { privateKey, publicKey } = await session.generateKeyPairOnThread(
    mechanism(CKM.EC_KEY_PAIR_GEN),
    [
      [CKA.TOKEN, false],
      [CKA.PRIVATE, false],
      [CKA.EC_PARAMS, oids[curveId]],
      [CKA.VERIFY, true],
    ],
    ecPrivateTemplate({ isExtractable: true }),
  )
  const open = ecPublicKey(session, publicKey, curveId)
  session.destroy(publicKey)
  return { handle: privateKey, publicKey: open }
}

/** A key that this process has in plaintext, as an object: under a key of this one call. The caller clears `secret`. */
export function intoToken(session: Session, kwp: Mechanism, secret: Buffer, template: Template): Handle {
  const temporary = randomBytes(32)
  try {
    const wrapped = wrapKey(createSecretKey(temporary), secret)
    const unwrapper = session.create(aesObject(temporary, [CKA.UNWRAP]))
    try {
      return session.unwrap(kwp, unwrapper, wrapped, template)
    } finally {
      session.destroy(unwrapper)
    }
  } finally {
    temporary.fill(0)
  }
}
