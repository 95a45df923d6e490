import type { AttestedKey, AttestedToken } from '../../formats/attestation.ts'
import { CKA, CKO } from '../library/constants.ts'
import { Pkcs11Error } from '../library/pkcs11Error.ts'
import type { Handle, Session } from '../token/session.ts'
import type { TokenInfo } from '../library/pkcs11Module.ts'

const uses = {
  encrypt: CKA.ENCRYPT,
  decrypt: CKA.DECRYPT,
  sign: CKA.SIGN,
  wrap: CKA.WRAP,
  unwrap: CKA.UNWRAP,
  derive: CKA.DERIVE,
} as const

/** What a token says of itself and of every key that stays in it. */
export function describeToken(
  session: Session,
  { label, manufacturer, model, serial, hardware, firmware }: TokenInfo,
): AttestedToken {
  const kinds = [
    ['secret', CKO.SECRET_KEY],
    ['private', CKO.PRIVATE_KEY],
  ] as const
  const keys = kinds.flatMap(([kind, objectClass]) =>
    session
      .find(
        [
          [CKA.CLASS, objectClass],
          [CKA.TOKEN, true],
        ],
        256,
      )
      .map((object) => keyOf(session, object, kind)),
  )
  return { label, manufacturer, model, serial, hardware, firmware, keys }
}

function keyOf(session: Session, object: Handle, kind: AttestedKey['kind']): AttestedKey {
  const is = (type: number) => isTrue(session, object, type)
  return {
    label: String(session.attributes(object, CKA.LABEL)[0]),
    kind,
    uses: Object.entries(uses).flatMap(([name, type]) => (is(type) ? [name] : [])),
    isToken: is(CKA.TOKEN),
    isPrivate: is(CKA.PRIVATE),
    isSensitive: is(CKA.SENSITIVE),
    isAlwaysSensitive: is(CKA.ALWAYS_SENSITIVE),
    isExtractable: is(CKA.EXTRACTABLE),
    isNeverExtractable: is(CKA.NEVER_EXTRACTABLE),
    isLocal: is(CKA.LOCAL),
    isModifiable: is(CKA.MODIFIABLE),
  }
}

/** An attribute that this kind of object has not counts as false. */
function isTrue(session: Session, object: Handle, type: number): boolean {
  try {
    return session.attributes(object, type)[0]?.[0] === 1
  } catch (cause) {
    if (cause instanceof Pkcs11Error) return false
    throw cause
  }
}
