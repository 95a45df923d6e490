import { hash } from 'node:crypto'
import { UserError } from '../../../userError.ts'
import { CKO } from '../library/constants.ts'
import { poolLabels } from './ownTokens.ts'
import { copyOf, hasLostRecoveryKey, recoveryPemIn } from '../roots/recoverable.ts'
import { partitionToken } from '../roots/regionToken.ts'
import type { Session } from '../token/session.ts'
import type { TokenOptions } from '../roots/tokenOptions.ts'
import { staying } from './tokenBackup.ts'
import { markIn } from '../roots/vaultMarker.ts'

/** Why what is made in a token from now on, or what is in it already, could not be brought back. */
export type CustodyFault = 'keyIsGone' | 'keyIsAnothers' | 'isOfOthers' | 'vaultIsOfOthers' | 'hasNoCopies'

/** How a token stands to the custodians of its cloud. */
export interface TokenCustody {
  readonly label: string
  readonly fault: CustodyFault | undefined
  /** Of each key that stays in it: `keptKey`. */
  readonly kept: readonly string[]
}

/** What tells a key of a token from every other that ever was there: its copy is under an AES key of its own. */
export function keptKey(token: string, key: string, copy: string): string {
  return hash('sha256', [token, key, copy].join('\0'))
}

/** Of the region's token and of those of its pool that are there. `recoveryKey`: PEM, that the ceremony made. */
export function tokenCustody(token: TokenOptions, recoveryKey: string): readonly TokenCustody[] {
  return [token.label, ...poolLabels(token)].map((label) =>
    partitionToken({ ...token, label }).bare((session) =>
      custodyIn(session, label, recoveryKey, label !== token.label),
    ),
  )
}

function custodyIn(session: Session, label: string, recoveryKey: string, isOfPool: boolean): TokenCustody {
  const keys = [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((each) => staying(session, each))
  const kept = keys.flatMap((key) => {
    const copy = copyOf(session, key)
    return copy === undefined ? [] : [keptKey(label, key, copy)]
  })
  return { label, kept, fault: faultIn(session, recoveryKey, keys.length - kept.length, isOfPool) }
}

function faultIn(session: Session, recoveryKey: string, without: number, isOfPool: boolean): CustodyFault | undefined {
  if (hasLostRecoveryKey(session)) return 'keyIsGone'
  try {
    const own = recoveryPemIn(session)
    // The officer's, so no thief's of the PIN.
    const isOfOthers = own !== undefined && own !== recoveryKey
    if (isOfOthers && isOfPool) return markIn(session) === undefined ? 'isOfOthers' : 'vaultIsOfOthers'
    if (isOfOthers) return 'keyIsAnothers'
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    return 'keyIsAnothers'
  }
  // A token that was emptied has no key, and needs none before it is made anew.
  return without > 0 ? 'hasNoCopies' : undefined
}
