import { CKA, CKM, CKO, CKR } from '../../../lib/hsm/pkcs11/library/constants.ts'
import { mechanism } from '../../../lib/hsm/pkcs11/library/encode.ts'
import type { Session } from '../../../lib/hsm/pkcs11/token/session.ts'

export const kwp = mechanism(CKM.AES_KEY_WRAP_PAD)

const everyUse = ['ENCRYPT', 'DECRYPT', 'SIGN', 'SIGN_RECOVER', 'VERIFY', 'WRAP', 'UNWRAP', 'DERIVE'] as const
const numbers = [CKA.PRIVATE_EXPONENT, CKA.PRIME_1, CKA.PRIME_2, CKA.EXPONENT_1, CKA.EXPONENT_2, CKA.COEFFICIENT]

/** The token's answer, or that there was none to refuse. */
export function codeOf(work: () => unknown): number | string {
  try {
    work()
    return 'done'
  } catch (error) {
    return (error as { code: number }).code
  }
}

/** Keys of every session: SoftHSM shows them to each. */
export function sessionKeys(session: Session): readonly number[] {
  return [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((objectClass) =>
    session.find(
      [
        [CKA.CLASS, objectClass],
        [CKA.TOKEN, false],
      ],
      4_096,
    ),
  )
}

export function is(session: Session, key: number, type: number): boolean {
  try {
    return session.attributes(key, type)[0]?.[0] === 1
  } catch (error) {
    // A private key has nothing to say of wrapping.
    expect(error).toMatchObject({ code: CKR.ATTRIBUTE_TYPE_INVALID })
    return false
  }
}

export function says(session: Session, key: number) {
  return {
    isSensitive: is(session, key, CKA.SENSITIVE),
    isExtractable: is(session, key, CKA.EXTRACTABLE),
    isInToken: is(session, key, CKA.TOKEN),
    uses: everyUse.filter((use) => is(session, key, CKA[use])),
  }
}

/** That nobody reads the key, takes it along, makes it another or encrypts with it. */
export function expectKept(session: Session, key: number, wrapper: number): void {
  expect(says(session, key)).toMatchObject({ isSensitive: true, isExtractable: false, isInToken: false })
  for (const type of [CKA.VALUE, ...numbers]) {
    const read = codeOf(() => session.attributes(key, type))
    expect([CKR.ATTRIBUTE_SENSITIVE, CKR.ATTRIBUTE_TYPE_INVALID]).toContain(read)
  }
  expect(codeOf(() => session.wrap(kwp, wrapper, key))).toBe(CKR.KEY_UNEXTRACTABLE)
  expect(codeOf(() => session.copy(key, [[CKA.SENSITIVE, false]]))).toBe(CKR.ATTRIBUTE_READ_ONLY)
  expect(codeOf(() => session.copy(key, [[CKA.EXTRACTABLE, true]]))).toBe(CKR.ATTRIBUTE_READ_ONLY)
  const encrypts = () => {
    session.encryptInit(mechanism(CKM.AES_ECB), key)
  }
  expect(codeOf(encrypts)).not.toBe('done')
}
