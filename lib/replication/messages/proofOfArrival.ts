import type { RegionStatement } from '../../hsm/hsm.ts'
import { canonicalJson, type JsonObject } from '../../canonicalJson.ts'
import type { Receipt } from './receipts.ts'

/**
 * What a caller gets to keep: the replica's receipt with the path to the root that the replica signed, and around it the
 * primary's own signature, which says of which change and of which link it is. Both regions' statements lead to the
 * tenancy's root, so whoever has that root's public key needs neither region to check it.
 */
export interface ProofOfArrival {
  readonly format: 'vaultspan/proof-of-arrival/1'
  readonly tenancyId: string
  readonly vaultId: string
  readonly replicationId: string
  /** The primary region, which issued this, and the region that has the change. */
  readonly source: string
  readonly replica: string
  /** Of the link between them at the time of issue. */
  readonly fence: number
  /** Unix milliseconds. */
  readonly issuedAt: number
  /** The resource's row at the source at the time of issue. */
  readonly stored: {
    readonly epoch: string
    readonly revision: number
    readonly digest: string
    readonly versions: string | null
  }
  readonly receipt: Receipt
  readonly path: readonly string[]
  /** What the replica signed: an envelope's head with the root of its receipts as digest. */
  readonly proof: ReceiptProof
  /** PEM of the tenancy's root. A checker that has it from elsewhere need not believe this one. */
  readonly trustRoot: string
  readonly statement: RegionStatement
  /** Over every other member, by the source's identity key. */
  readonly signature: string
}

export interface ReceiptProof {
  readonly source: string
  readonly destination: string
  readonly tenancyId: string
  readonly sentAt: number
  readonly digest: string
  readonly signature: string
  readonly statement: RegionStatement
}

export type UnsignedProof = Omit<ProofOfArrival, 'signature'>

export function unsignedProofBytes(proof: UnsignedProof): Buffer {
  return Buffer.from(canonicalJson({ ...(proof as unknown as JsonObject), signature: undefined }))
}
