import { hash } from 'node:crypto'
import { UserError } from '../../userError.ts'
import { publicKeyPem } from '../primitives/p384.ts'
import { CKO } from './constants.ts'
import { poolLabels } from './ownTokens.ts'
import { copyOf, hasLostRecoveryKey, recoveryKeyIn } from './recoverable.ts'
import { partitionToken } from './regionToken.ts'
import type { Session } from './session.ts'
import type { TokenOptions } from './tokenOptions.ts'
import { staying } from './tokenBackup.ts'

/** Why what is made in a token from now on, or what is in it already, could not be brought back. */
export type CustodyFault = 'keyIsGone' | 'keyIsAnothers' | 'hasNoCopies'

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
    partitionToken({ ...token, label }).bare((session) => custodyIn(session, label, recoveryKey)),
  )
}

function custodyIn(session: Session, label: string, recoveryKey: string): TokenCustody {
  const keys = [CKO.SECRET_KEY, CKO.PRIVATE_KEY].flatMap((each) => staying(session, each))
  const kept = keys.flatMap((key) => {
    const copy = copyOf(session, key)
    return copy === undefined ? [] : [keptKey(label, key, copy)]
  })
  return { label, kept, fault: faultIn(session, recoveryKey, keys.length - kept.length) }
}

function faultIn(session: Session, recoveryKey: string, without: number): CustodyFault | undefined {
  if (hasLostRecoveryKey(session)) return 'keyIsGone'
  try {
    const own = recoveryKeyIn(session)
    if (own !== undefined && publicKeyPem(own) !== recoveryKey) return 'keyIsAnothers'
  } catch (cause) {
    if (!(cause instanceof UserError)) throw cause
    return 'keyIsAnothers'
  }
  // A token that was emptied has no key, and needs none before it is made anew.
  return without > 0 ? 'hasNoCopies' : undefined
}
