import { CKA } from '../library/constants.ts'
import { findAbilities } from '../token/abilities.ts'
import { findVaultObjects } from './findRoots.ts'
import { partitionToken } from './regionToken.ts'
import type { TokenOptions } from './tokenOptions.ts'

/** Labels of objects in it that are called roots, and are none that this service knows. @throws UserError where none is known. */
export function strangersIn(token: TokenOptions): readonly string[] {
  const { known, label } = token
  if (known?.isMakingIn(label) === true) return []
  return partitionToken(token).bare((session) => {
    const { strangers } = findVaultObjects(session, { kwp: findAbilities(session).kwp, known: known?.of(label) })
    return strangers.map((each) => String(session.attributes(each, CKA.LABEL)[0]))
  })
}
