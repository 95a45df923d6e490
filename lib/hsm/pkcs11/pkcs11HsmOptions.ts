import type { RsaGenerator } from '../software/material.ts'
import type { PoolShare } from '../software/poolShare.ts'
import type { TokenOptions } from './token.ts'

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
}
