import type { RegionStatement } from '../hsm/hsm.ts'

/** Checks signatures with one tenancy's root, without any region. */
export interface Signatures {
  /** Whether the tenancy's root signed the statement. */
  readonly isStatement: (statement: RegionStatement) => Promise<boolean>
  /** Whether the statement's key signed the bytes, whoever signed the statement. */
  readonly isSignedBy: (statement: RegionStatement, bytes: Uint8Array, signature: Uint8Array) => Promise<boolean>
}
