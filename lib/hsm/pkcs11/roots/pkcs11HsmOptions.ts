import type { RsaGenerator } from '../../software/material.ts'
import type { PoolShare } from '../../software/poolShare.ts'
import type { HsmChange } from '../../software/hsmCopy.ts'
import type { TokenOptions } from './tokenOptions.ts'
import type { CopiedTokenState } from './tokenState.ts'

export interface Pkcs11HsmOptions {
  readonly region: string
  readonly realm: string
  readonly token: TokenOptions
  /** Where the tenancies that the region knows are kept; undefined: in memory. */
  readonly file?: string
  /** Whether a vault's keys may go to a region that keeps them in its process. Default false. */
  readonly allowsSoftwareReplicas?: boolean
  /** How many opened keys are kept. Default 1,000. */
  readonly handleCapacity?: number
  /** For tests, which do not wait for a new pair each time; default: the token makes them. */
  readonly generateRsa?: RsaGenerator
  readonly generationShare?: PoolShare
  /** Told of what a copy of this HSM in another thread must follow. */
  readonly onChange?: (change: HsmChange) => void
  /** Makes this one a copy, in another thread of the process whose HSM it was made of. */
  readonly copy?: {
    readonly of: CopiedTokenHsm
    /** Takes what it was told meanwhile, lest a row be newer than what it knows. */
    readonly beforeOpening: () => void
  }
}

/** What a copy has of an HSM, beside the token itself. */
export interface CopiedTokenHsm {
  readonly name: string
  readonly identityPublicKey: string
  readonly state: CopiedTokenState
}
