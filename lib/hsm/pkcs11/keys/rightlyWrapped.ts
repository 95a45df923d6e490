import { createPublicKey } from 'node:crypto'
import type { CurveId } from '../../algorithms.ts'
import type { KeyShape } from '../../hsm.ts'
import { rsaEncrypt } from '../../primitives/rsa.ts'
import type { SoftwareKey } from '../../software/softwareKey.ts'
import { CKM } from '../library/constants.ts'
import { mechanism } from '../library/encode.ts'
import { WrongAnswer } from '../library/pkcs11Error.ts'
import type { Handle, Session } from '../token/session.ts'
import type { HeldObject } from './heldObject.ts'
import { rsaTokenDecrypt } from './tokenKey.ts'

/** Of a key that was just made: that its blob opens, and to it. Nobody is told of a key that never opens. */

const cmac = mechanism(CKM.AES_CMAC)
const probe = Buffer.from('vaultspan/is it the key')

/** @throws WrongAnswer, Pkcs11Error */
export function requireSame(session: Session, handle: Handle, reopened: () => Handle): void {
  const again = reopened()
  try {
    if (session.mac(cmac, again, probe).equals(session.mac(cmac, handle, probe))) return
    throw new WrongAnswer('The token has wrapped another key than it has made.')
  } finally {
    session.destroy(again)
  }
}

const ecdsaOf = {
  NIST_P256: 'ECDSA_SHA_256',
  NIST_P384: 'ECDSA_SHA_384',
  NIST_P521: 'ECDSA_SHA_512',
} as const satisfies Record<CurveId, string>

/** What it signs is verified by its public key there. It is destroyed. @throws KmsError unavailable */
export async function requireSigning(key: SoftwareKey, shape: KeyShape): Promise<void> {
  const algorithm = shape.algorithm === 'ECDSA' ? ecdsaOf[shape.curveId] : 'SHA_256_RSA_PKCS1_V1_5'
  try {
    await key.sign(algorithm, 'RAW', probe)
  } finally {
    key.destroy()
  }
}

/** Whether it opens what its public key encrypts. It is destroyed. */
export async function isDecrypting(object: HeldObject, publicKeyPem = ''): Promise<boolean> {
  const publicKey = createPublicKey(publicKeyPem)
  try {
    const opened = await rsaTokenDecrypt(publicKey, object, 'sha256', rsaEncrypt(publicKey, 'sha256', probe))
    return opened?.equals(probe) === true
  } finally {
    object.destroy()
  }
}
