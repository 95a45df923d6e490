import type { KnownRoots } from './knownRoots.ts'
import type { TokenOwner } from './ownerMark.ts'
import type { Pkcs11Module } from '../library/pkcs11Module.ts'
import type { After } from '../token/workUnderWay.ts'

/** Refusals that outlive the process. */
export interface RefusedPins {
  /** Of the PIN as it is now. */
  readonly isKnown: (label: string) => boolean
  readonly note: (label: string) => void
}

export interface TokenOptions {
  readonly module: Pkcs11Module
  readonly label: string
  /** Asked for at each login, so that a changed PIN needs no restart. */
  readonly pin: () => string
  /** What to do where no token has the label. Default: hsm init. */
  readonly remedy?: () => string
  /** Undefined: a refusal is known to this process alone. */
  readonly refusedPins?: RefusedPins
  /** Whose the token must be; undefined: it lies in the data directory itself, or is only looked at. */
  readonly owner?: TokenOwner | undefined
  /** Which roots in it are this service's; undefined: nothing is known, and those that the token vouches for are taken. */
  readonly known?: KnownRoots
  /** Milliseconds, for the pause between two attempts to connect. Default: the machine's. */
  readonly now?: () => number
  /** How long an operation waits for a free session. Default: 5 s. */
  readonly maxWaitMs?: number
  /** By which it is found that a call does not come back. Default: the machine's timers. */
  readonly after?: After
  /** Seconds from one start of the library for this token's sake to the next. Default 0: with each attempt. */
  readonly restartSeconds?: number
}
