import type { KeyObject } from 'node:crypto'
import * as v from 'valibot'
import { canonicalJson, type Json } from '../../canonicalJson.ts'
import type { RegionStatement, TransferBundle, TransportOffer } from '../hsm.ts'
import { LruCache } from '../../lruCache.ts'
import { isP384Signature, p384PublicKey } from '../primitives/p384.ts'

/** For a schema of a document that holds a statement. */
export const statementMembers = {
  format: v.literal('vaultspan/region-statement/1'),
  realm: v.string(),
  tenancyId: v.string(),
  region: v.string(),
  publicKey: v.string(),
  signature: v.string(),
} as const

type Signed = RegionStatement | TransportOffer | TransferBundle

/** What a signature covers: every member but itself. `format` is one of them, so no document passes for another kind. */
export function unsignedBytes(document: Signed | Omit<Signed, 'signature'>): Buffer {
  return Buffer.from(canonicalJson({ ...asJson(document), signature: undefined }))
}

/** These interfaces hold JSON only, which their types cannot say: an interface has no index signature. */
export function asJson(document: object): Record<string, Json | undefined> {
  return document as Record<string, Json | undefined>
}

/** Which statements to believe: those that the pinned root of their tenancy signed. */
export class TrustedStatements {
  readonly #realm: string
  readonly #trustRoot: (tenancyId: string) => KeyObject | undefined
  /** A pinned root never changes, so what verified once stays true. */
  readonly #signers = new LruCache<KeyObject>(1_000)

  constructor(realm: string, trustRoot: (tenancyId: string) => KeyObject | undefined) {
    this.#realm = realm
    this.#trustRoot = trustRoot
  }

  /** The key that the statement speaks for; undefined where it is not to be believed. */
  async signerOf(statement: RegionStatement): Promise<KeyObject | undefined> {
    const id = canonicalJson(asJson(statement))
    const known = this.#signers.get(id)
    if (known !== undefined) return known
    const root = this.#trustRoot(statement.tenancyId)
    if (root === undefined || statement.realm !== this.#realm) return undefined
    if (!(await isStatementOf(root, statement))) return undefined
    const signer = p384PublicKey(statement.publicKey)
    if (signer !== undefined) this.#signers.set(id, signer)
    return signer
  }
}

export async function isStatementOf(trustRoot: KeyObject, statement: RegionStatement): Promise<boolean> {
  const isOurs = (statement.format as string) === 'vaultspan/region-statement/1'
  return isOurs && isP384Signature(trustRoot, unsignedBytes(statement), Buffer.from(statement.signature, 'base64'))
}

/** Signatures of regions of one tenancy, checked with its root alone, by whoever is no region. */
export function signaturesUnder(trustRoot: KeyObject, realm: string) {
  return {
    isStatement: async (statement: RegionStatement): Promise<boolean> =>
      statement.realm === realm && (await isStatementOf(trustRoot, statement)),
    /** Whoever signed the statement. */
    isSignedBy: async ({ publicKey }: RegionStatement, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> => {
      const signer = p384PublicKey(publicKey)
      return signer !== undefined && isP384Signature(signer, bytes, signature)
    },
  }
}
