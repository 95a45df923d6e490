import { UserError } from '../../../userError.ts'
import { vaultText } from './vaultText.ts'
import type { VaultContext } from '../../hsm.ts'
import { CKA, CKO } from '../library/constants.ts'
import { createMark, labelled } from './regionObjects.ts'
import type { Session } from '../token/session.ts'

/**
 * In a private vault's token stands whose it is, so that no state that was put back gives it away or empties it for another. It
 * has no MAC: whoever can write it has the PIN. A token that was taken by an older version has none until it is used again.
 */
const label = 'vaultspan vault'

/** What stands in the token; undefined where nothing does. */
export function markIn(session: Session): string | undefined {
  const [found] = session.find(labelled(CKO.DATA, label))
  return found === undefined ? undefined : String(session.attributes(found, CKA.VALUE)[0])
}

/** @throws UserError where it is another vault's, or anybody's where it should be nobody's. */
export function requireMarkerOf(session: Session, vault: VaultContext | undefined): 'marked' | 'unmarked' {
  const says = markIn(session)
  if (says === undefined) return 'unmarked'
  if (vault !== undefined && says === vaultText(vault)) return 'marked'
  throw new UserError(
    `By what stands in it the token is another vault's (${says}): the state of the HSM was put back to an older copy. Put back the newest one.`,
  )
}

/** Again, it does nothing. @throws UserError where it is another vault's. */
export function markFor(session: Session, vault: VaultContext): void {
  if (requireMarkerOf(session, vault) === 'marked') return
  markAs(session, vaultText(vault))
}

export function markAs(session: Session, text: string): void {
  createMark(session, label, text)
}
