import type { KeyShape } from '../../hsm.ts'
import { CKA, CKK, CKO } from '../library/constants.ts'
import { keptTemplate, type Template } from '../library/encode.ts'

/** What is asked of a key when it is made or unwrapped. */

/** Everything that a key may do is said of each, since tokens differ in what they take for granted. */
export const nothingAllowed: Template = [
  [CKA.ENCRYPT, false],
  [CKA.DECRYPT, false],
  [CKA.SIGN, false],
  [CKA.VERIFY, false],
  [CKA.WRAP, false],
  [CKA.UNWRAP, false],
  [CKA.DERIVE, false],
]

/** A template with some uses allowed. */
export function allowing(uses: readonly number[]): Template {
  return nothingAllowed.map(([type]) => [type, uses.includes(type)] as const)
}

export function rsaPublicTemplate(bits: number): Template {
  return [
    [CKA.TOKEN, false],
    [CKA.PRIVATE, false],
    [CKA.MODULUS_BITS, bits],
    [CKA.PUBLIC_EXPONENT, Buffer.from([1, 0, 1])],
    [CKA.VERIFY, true],
    [CKA.ENCRYPT, true],
    [CKA.WRAP, true],
  ]
}

export function rsaPrivateTemplate(
  uses: readonly number[],
  { isExtractable }: { readonly isExtractable: boolean },
): Template {
  return [
    [CKA.CLASS, CKO.PRIVATE_KEY],
    [CKA.KEY_TYPE, CKK.RSA],
    ...sessionPrivate(isExtractable),
    [CKA.SIGN, uses.includes(CKA.SIGN)],
    [CKA.SIGN_RECOVER, false],
    [CKA.DECRYPT, uses.includes(CKA.DECRYPT)],
    [CKA.UNWRAP, uses.includes(CKA.UNWRAP)],
    [CKA.DERIVE, false],
  ]
}

export function sessionPrivate(isExtractable: boolean): Template {
  return [
    [CKA.TOKEN, false],
    [CKA.PRIVATE, true],
    [CKA.SENSITIVE, true],
    [CKA.EXTRACTABLE, isExtractable],
  ]
}

/** An AES key of this session, from its bytes. */
export function aesObject(value: Buffer, uses: readonly number[]): Template {
  return [
    [CKA.CLASS, CKO.SECRET_KEY],
    [CKA.KEY_TYPE, CKK.AES],
    [CKA.TOKEN, false],
    [CKA.PRIVATE, true],
    [CKA.SENSITIVE, true],
    [CKA.EXTRACTABLE, false],
    ...allowing(uses),
    [CKA.VALUE, value],
  ]
}

/** For a probe, and for keys that the process is to hold. */
export const readableAes: Template = [
  [CKA.CLASS, CKO.SECRET_KEY],
  [CKA.KEY_TYPE, CKK.AES],
  [CKA.TOKEN, false],
  [CKA.PRIVATE, true],
  [CKA.SENSITIVE, false],
  [CKA.EXTRACTABLE, true],
  ...allowing([]),
]

interface Life {
  /** Only while a key is made: it must be wrapped once. What is unwrapped for use cannot be wrapped again. */
  readonly isExtractable: boolean
}

export function aesTemplate(uses: readonly number[], { isExtractable }: Life): Template {
  return [[CKA.CLASS, CKO.SECRET_KEY], [CKA.KEY_TYPE, CKK.AES], ...sessionPrivate(isExtractable), ...allowing(uses)]
}

/** Of a private key that signs: SoftHSM takes the other uses for granted. */
export const signsOnly: Template = [
  [CKA.SIGN_RECOVER, false],
  [CKA.DECRYPT, false],
  [CKA.UNWRAP, false],
  [CKA.DERIVE, false],
]

export function ecPrivateTemplate({ isExtractable }: Life): Template {
  return [
    [CKA.CLASS, CKO.PRIVATE_KEY],
    [CKA.KEY_TYPE, CKK.EC],
    ...sessionPrivate(isExtractable),
    [CKA.SIGN, true],
    ...signsOnly,
  ]
}

const forUse = {
  AES: keptTemplate(newMasterTemplate('AES', { isExtractable: false })),
  RSA: keptTemplate(newMasterTemplate('RSA', { isExtractable: false })),
  ECDSA: keptTemplate(newMasterTemplate('ECDSA', { isExtractable: false })),
} as const satisfies Record<KeyShape['algorithm'], Template>

/** How a master key of this shape is unwrapped for use. An AES key makes CMACs and nothing else: messages have keys of their own. */
export function masterTemplate({ algorithm }: KeyShape): Template {
  return forUse[algorithm]
}

/** As `masterTemplate`, for a key that is made or brought, and is to be wrapped once. */
export function extractableTemplate({ algorithm }: KeyShape): Template {
  return newMasterTemplate(algorithm, { isExtractable: true })
}

function newMasterTemplate(algorithm: KeyShape['algorithm'], life: Life): Template {
  if (algorithm === 'AES') return aesTemplate([CKA.SIGN], life)
  return algorithm === 'RSA' ? rsaPrivateTemplate([CKA.SIGN, CKA.DECRYPT], life) : ecPrivateTemplate(life)
}
